/**
 * Revoking the values that nobody uses any more, while the rotation goes on.
 * @module
 */
import { callFailed, serverAnswered } from './answers.js'
import { classifyFailure, unanswered } from './failure.js'
import type { Revoking, RotationRecord } from './record.js'
import type { Failure } from './source.js'
import { isSpent, type Retired, revokeBegan, revokeDone, revokeFailed } from './state.js'
import { codeOf, tell } from './telling.js'

export function beginRevocation<T>(record: RotationRecord<T>, entry: Retired<T>): void {
  const { source } = record
  const { holding } = entry
  if (source.revoke === undefined) {
    record.state = revokeDone(record.state, holding)
    return
  }
  record.state = revokeBegan(record.state, entry, record.nowMs(), record.policy)
  const revoking = { flight: record.newFlight(), probes: record.breaker.begin() }
  record.revoking ??= new Map()
  record.revoking.set(holding, revoking)
  revoking.flight
    .run(async (attempt) => source.revoke?.(holding.value, attempt))
    .then(
      () => finish(record, entry, revoking),
      (error: unknown) => {
        const failure = classifyFailure(source, error)
        // What the server no longer knows needs no revoking.
        if (failure.kind === 'gone') finish(record, entry, revoking)
        else fail(record, entry, revoking, error, failure)
      },
    )
}

/** Time is up; the revocation may have been done all the same, and is tried again. */
export function giveUpRevocation<T>(record: RotationRecord<T>, entry: Retired<T>): void {
  const revoking = record.revoking?.get(entry.holding)
  if (revoking === undefined) return
  const error = record.timeout('revoke was not answered in time')
  revoking.flight.abort(error)
  fail(record, entry, revoking, error, unanswered)
}

export function forgetRetired<T>(record: RotationRecord<T>, { holding }: Retired<T>): void {
  record.state = revokeDone(record.state, holding)
}

function finish<T>(record: RotationRecord<T>, entry: Retired<T>, revoking: Revoking): void {
  if (!take(record, entry, revoking)) return
  record.state = revokeDone(record.state, entry.holding)
  tell(record, 'revoked', entry.cause, { correlationId: revoking.flight.correlationId })
  serverAnswered(record)
  record.wake()
}

function fail<T>(
  record: RotationRecord<T>,
  entry: Retired<T>,
  revoking: Revoking,
  error: unknown,
  failure: Failure,
): void {
  if (!take(record, entry, revoking)) return
  const nowMs = record.nowMs()
  record.state = revokeFailed(record.state, entry.holding, failure, nowMs, record.draw(), record.policy)
  const left = record.state.retired.find(({ holding }) => holding === entry.holding)
  const goesOn = left !== undefined && !isSpent(left)
  tell(record, 'failed', entry.cause, {
    step: 'revoke',
    correlationId: revoking.flight.correlationId,
    failureKind: failure.kind,
    abandoned: !goesOn,
    ...(goesOn && { retryInMs: left.dueMs - nowMs }),
    ...codeOf(error),
  })
  callFailed(record, error, failure, revoking.probes)
  record.wake()
}

/** @returns false when this revocation is no longer the one that counts */
function take<T>(record: RotationRecord<T>, { holding }: Retired<T>, revoking: Revoking): boolean {
  if (record.revoking?.get(holding) !== revoking) return false
  record.revoking.delete(holding)
  if (record.revoking.size === 0) record.revoking = undefined
  return true
}
