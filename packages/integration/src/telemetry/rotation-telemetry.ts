/**
 * From the engine's events to log events and counts, for the token and what is leased with it. SVIDs have events of
 * their own, told by the package that fetches them.
 * @module
 */
import { type RotationEvent, rotationChannels } from '@chaveiro/rotation'
import { isLeased } from './gauges.js'
import type { Log, LogFields } from './log.js'
import type { LogEventName } from './log-events.js'
import type { Meters } from './meters.js'
import type { Subscriptions } from './subscriptions.js'

/** What a kind of event is called for the token and for the rest; no entry: not told. */
const names: Readonly<Partial<Record<RotationEvent['kind'], readonly [token: LogEventName, leased: LogEventName]>>> = {
  issued: ['vault_login_succeeded', 'credential_fetched'],
  replaced: ['vault_login_succeeded', 'credential_replaced'],
  renewed: ['vault_token_renewed', 'credential_renewed'],
  truncated: ['vault_token_renewed', 'credential_renewed'],
  revoked: ['credential_revoked', 'credential_revoked'],
  failed: ['vault_token_renewal_failed', 'credential_renewal_failed'],
  overdue: ['vault_token_renewal_failed', 'credential_renewal_failed'],
  expired: ['vault_token_renewal_failed', 'credential_renewal_failed'],
}

/** Kinds that say more about why than their cause does. */
const telling: readonly RotationEvent['kind'][] = ['truncated', 'overdue', 'expired']

export function tellRotations(subscriptions: Subscriptions, log: Log, meters: Meters): void {
  for (const channel of Object.values(rotationChannels)) {
    subscriptions.on<RotationEvent>(channel, (event) => {
      const isToken = event.credentialType === 'token'
      if (!isToken && !isLeased(event.credentialType)) return
      const name = names[event.kind]?.[isToken ? 0 : 1]
      if (name !== undefined) log.event(name, fieldsOf(event))
      countRenewal(meters, event, isToken)
    })
  }
}

function fieldsOf(event: RotationEvent): LogFields {
  return {
    reason: telling.includes(event.kind) ? event.kind : event.cause,
    correlation_id: event.correlationId,
    credential_type: event.credentialType,
    credential_name: event.name,
    rotation_id: event.rotationId,
    granted_seconds: event.ttlSeconds,
    life_share: event.share,
    step: event.step,
    failure_kind: event.failureKind,
    error_code: event.errorCode,
    retry_in_seconds: event.retryInMs === undefined ? undefined : event.retryInMs / 1000,
    consecutive_failures: event.consecutiveFailures,
    abandoned: event.abandoned,
  }
}

/** A renewal that came back short is a renewal too; a revocation that failed is not. */
function countRenewal(meters: Meters, event: RotationEvent, isToken: boolean): void {
  const succeeded = event.kind === 'renewed' || event.kind === 'truncated' || event.kind === 'replaced'
  if (!succeeded && (event.kind !== 'failed' || event.step === 'revoke')) return
  const status = succeeded ? 'success' : 'error'
  if (isToken) meters.count('vault_token_renewals_total', { status })
  else meters.count('vault_credential_renewals_total', { credential_type: event.credentialType, status })
}
