/**
 * Turns what happens to a rotation into events. Nothing is built that nobody listens to.
 * @module
 */
import { type RotationEvent, type RotationEventKind, rotationChannels } from './channels.js'
import { errorCodeOf } from './errors.js'
import type { Flight } from './flight.js'
import { type Holding, shareAt } from './lifetime.js'
import type { RotationRecord } from './record.js'
import type { AttemptState, RotationCause } from './state.js'

type Details = Partial<Omit<RotationEvent, 'kind' | 'rotationId' | 'credentialType' | 'name' | 'cause' | 'atWallMs'>>

export function tell<T>(
  record: RotationRecord<T>,
  kind: RotationEventKind,
  cause: RotationCause,
  details: Details,
): void {
  const channel = rotationChannels[kind]
  if (!channel.hasSubscribers) return
  const { id: rotationId, credentialType, name } = record
  const atWallMs = record.house.clock.wallMs()
  channel.publish({ kind, rotationId, credentialType, name, cause, atWallMs, ...details })
}

/** @param before - what was held when the attempt began */
export function tellAttempt<T>(
  record: RotationRecord<T>,
  kind: RotationEventKind,
  { correlationId }: Flight,
  attempt: AttemptState,
  before: Holding<T> | undefined,
  details: Details = {},
): void {
  const share = before && shareAt(before.term, attempt.startedMs)
  tell(record, kind, attempt.cause, {
    correlationId,
    firstAttempt: attempt.first,
    durationMs: record.nowMs() - attempt.startedMs,
    ...ttlOf(record.state.held),
    ...(share !== undefined && { share }),
    ...details,
  })
}

export function tellSchedule<T>(record: RotationRecord<T>): void {
  const { held } = record.state
  if (held === undefined || held.term.ttlMs === 0) return
  tell(record, 'scheduled', 'schedule', { ...ttlOf(held), inMs: held.term.firstAttemptMs - record.nowMs() })
}

export function tellLateness<T>(record: RotationRecord<T>, kind: 'overdue' | 'expired'): void {
  const { held, failures } = record.state
  const share = held && shareAt(held.term, record.nowMs())
  tell(record, kind, 'schedule', {
    ...ttlOf(held),
    ...(share !== undefined && { share }),
    ...codeOf(record.lastFailure),
    consecutiveFailures: failures,
  })
}

/** The code of an error, if it has one; never its message, which may quote anything. */
export function codeOf(error: unknown): { readonly errorCode?: string } {
  const errorCode = errorCodeOf(error)
  return errorCode === undefined ? {} : { errorCode }
}

function ttlOf(held: Holding<unknown> | undefined): { readonly ttlSeconds?: number } {
  return held === undefined ? {} : { ttlSeconds: held.term.ttlMs / 1000 }
}
