/**
 * From the events of SVIDs and trust bundles to log events and counts.
 * @module
 */
import {
  type SvidFetch,
  type SvidFetchFailed,
  type SvidRedacted,
  type SvidUpdated,
  svidFetch,
  svidFetchFailed,
  svidRedacted,
  svidUpdated,
  type TrustBundleUpdated,
  type TrustBundleUpdateFailed,
  trustBundleUpdated,
  trustBundleUpdateFailed,
} from '@chaveiro/spiffe'
import type { Log } from './log.js'
import type { Meters } from './meters.js'
import type { Subscriptions } from './subscriptions.js'

export function tellSvids(subscriptions: Subscriptions, log: Log, meters: Meters): void {
  subscriptions.on<SvidFetch>(svidFetch, ({ svidType, status, durationSeconds }) => {
    meters.count('spiffe_svid_fetch_total', { svid_type: svidType, status })
    // What the agent pushed took no time of ours.
    if (durationSeconds === undefined) return
    meters.observe('spiffe_svid_fetch_duration_seconds', { svid_type: svidType }, durationSeconds)
  })
  subscriptions.on<SvidUpdated>(svidUpdated, ({ svidType, spiffeId, notBeforeMs, notAfterMs, share }) => {
    log.event('svid_updated', {
      reason: share === undefined ? 'start' : 'rotation',
      svid_type: svidType,
      spiffe_id: spiffeId,
      not_after: new Date(notAfterMs).toISOString(),
      granted_seconds: (notAfterMs - notBeforeMs) / 1000,
      life_share: share,
    })
  })
  subscriptions.on<SvidFetchFailed>(svidFetchFailed, ({ svidType, code, reason, cure, field, retryInSeconds }) => {
    const failure = { error_code: code, detail: reason, cure, field, retry_in_seconds: retryInSeconds }
    log.event('svid_fetch_failed', { reason: code, svid_type: svidType, ...failure })
  })
  subscriptions.on<SvidRedacted>(svidRedacted, ({ svidType, spiffeId, reason }) => {
    log.event('svid_fetch_failed', { reason, svid_type: svidType, spiffe_id: spiffeId })
  })
  tellBundles(subscriptions, log, meters)
}

function tellBundles(subscriptions: Subscriptions, log: Log, meters: Meters): void {
  subscriptions.on<TrustBundleUpdated>(trustBundleUpdated, ({ bundleType, trustDomains }) => {
    meters.count('spiffe_trust_bundle_updates_total', { status: 'success' })
    log.event('trust_bundle_updated', { reason: 'changed', bundle_type: bundleType, trust_domains: trustDomains })
  })
  subscriptions.on<TrustBundleUpdateFailed>(trustBundleUpdateFailed, (event) => {
    meters.count('spiffe_trust_bundle_updates_total', { status: 'error' })
    const { bundleType, code, reason, cure, field, retryInSeconds } = event
    const failure = { error_code: code, detail: reason, cure, field, retry_in_seconds: retryInSeconds }
    log.event('svid_fetch_failed', { reason: code, bundle_type: bundleType, ...failure })
  })
}
