/**
 * Alerts on identities: SVIDs and the bundles by which those of others are judged.
 * @module
 */
import { perProcess, perService, promql } from '../promql.js'
import type { AlertGroup } from './alert-rule.js'
import { allOf, atLeast, errorRatio, longerThanBlip, stillRange } from './error-ratio.js'

const { series, increase } = promql()

const fetchErrors = (range: string): string => increase('spiffe_svid_fetch_total', range, { status: 'error' })
const bundleErrors = increase('spiffe_trust_bundle_updates_total', stillRange, { status: 'error' })
const svids = `${perService}, svid_type`

/** While SVIDs last, peers may get ones from a new authority; a bundle of that age may not have it. */
const olderThanAnSvid = `time() - ${series('spiffe_trust_bundle_last_update_timestamp_seconds')}
> on (${perProcess}) ${series('spiffe_svid_lifetime_seconds', { svid_type: 'x509' })}`

export const spiffeAlerts: AlertGroup = {
  name: 'chaveiro-spiffe',
  rules: [
    {
      alert: 'ChaveiroSvidNearEnd',
      severity: 'warning',
      expr: `${series('spiffe_svid_ttl_seconds')} / ${series('spiffe_svid_lifetime_seconds')} < 0.1`,
      for: '1m',
      summary: 'An SVID is near its end.',
      description:
        '{{ $labels.job }} in {{ $labels.namespace }} ({{ $labels.instance }}) has {{ $value | humanizePercentage }} of the life of its {{ $labels.svid_type }} SVID left.',
    },
    {
      alert: 'ChaveiroSvidFetchFailing',
      severity: 'warning',
      expr: allOf(
        errorRatio({
          errors: fetchErrors('30m'),
          all: increase('spiffe_svid_fetch_total', '30m'),
          by: svids,
          above: 0.5,
        }),
        atLeast(3, fetchErrors('30m'), svids),
        `sum by (${svids}) (${fetchErrors(stillRange)}) > 0`,
      ),
      for: longerThanBlip,
      summary: 'The Workload API gives no SVIDs.',
      description:
        '{{ $value | humanizePercentage }} of the fetches of {{ $labels.svid_type }} SVIDs by {{ $labels.job }} in {{ $labels.namespace }} failed in the last 30 minutes.',
    },
    {
      alert: 'ChaveiroTrustBundleStale',
      severity: 'warning',
      // An old bundle alone is no fault: it changes only with its authorities. Old, and cut off from news, is one.
      expr: `(${olderThanAnSvid})
and on (${perProcess}) ${atLeast(3, bundleErrors, perProcess)}`,
      for: longerThanBlip,
      summary: 'A service may judge its peers by an outdated trust bundle.',
      description:
        '{{ $labels.job }} in {{ $labels.namespace }} ({{ $labels.instance }}) had the last news of its trust bundles {{ $value | humanizeDuration }} ago, and updates fail.',
    },
  ],
}
