/**
 * From the engine's snapshots and events to what the admin endpoints tell.
 * @module
 */
import type { RotationEvent, RotationSnapshot } from '@chaveiro/rotation'
import type { CredentialReport, EventReport } from './report.js'

export function credentialReport(snapshot: RotationSnapshot, events: readonly RotationEvent[]): CredentialReport {
  return {
    id: snapshot.id,
    credential_type: snapshot.credentialType,
    name: snapshot.name,
    state: snapshot.state,
    ttl_seconds: snapshot.ttlSeconds ?? null,
    remaining_seconds: rounded(snapshot.remainingSeconds),
    next_attempt_in_seconds: rounded(snapshot.nextAttemptInSeconds),
    overdue: snapshot.overdue,
    consecutive_failures: snapshot.consecutiveFailures,
    last_success_at: snapshot.lastSuccessWallMs === undefined ? null : isoTime(snapshot.lastSuccessWallMs),
    latest_first_attempt_share: snapshot.latestFirstAttemptShare ?? null,
    renewals: snapshot.renewals,
    replacements: snapshot.replacements,
    failures: snapshot.failures,
    events: events.map(eventReport),
  }
}

/** ISO 8601 in UTC, from milliseconds since the Unix epoch. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString()
}

function eventReport(event: RotationEvent): EventReport {
  const retryInMs = event.retryInMs ?? event.inMs
  return {
    event: event.kind,
    at: isoTime(event.atWallMs),
    cause: event.cause,
    error_code: event.errorCode ?? null,
    ttl_seconds: event.ttlSeconds ?? null,
    share: event.share ?? null,
    retry_in_seconds: retryInMs === undefined ? null : retryInMs / 1000,
    correlation_id: event.correlationId ?? null,
  }
}

/** To the millisecond. */
const rounded = (seconds: number | undefined): number | null =>
  seconds === undefined || !Number.isFinite(seconds) ? null : Math.round(seconds * 1000) / 1000
