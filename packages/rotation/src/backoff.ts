/**
 * How long to pause after a failure: exponential, fully jittered, bounded, and no shorter than the server asked.
 * @module
 */
import { hasEnded, momentOf, type Term } from './lifetime.js'
import type { RenewalPolicy } from './policy.js'
import type { Failure } from './source.js'

/** With nothing valid in hand nobody is served, so the pause stays short. */
const emptyHandedMaxMs = 30_000
const leastCeilingMs = 500
/** A server may ask for a pause, but not put a credential away for good. */
const longestRetryAfterMs = 3_600_000

function slowestPaceMs(held: Term | undefined, nowMs: number, policy: RenewalPolicy): number {
  if (held === undefined) return Math.min(policy.backoffMaxMs, emptyHandedMaxMs)
  const byLifeMs = held.ttlMs > 0 ? Math.max(leastCeilingMs, 0.05 * held.ttlMs) : policy.backoffMaxMs
  const mostMs = hasEnded(held, nowMs) ? Math.min(policy.backoffMaxMs, emptyHandedMaxMs) : policy.backoffMaxMs
  return Math.min(mostMs, byLifeMs)
}

/** What has just failed. */
export interface FailedTry {
  readonly failure: Failure
  /** In a row, this one included. */
  readonly failures: number
  /** It was the first attempt of a life: its retry begins before `renewBefore`. */
  readonly first: boolean
}

/**
 * Pause before the next try, in milliseconds: uniform between a tenth and the whole of a ceiling that doubles
 * with each failure (a tenth, so that a run of low draws is still no hot loop). A refusal starts at the slowest
 * pace. What the server asked for is honoured even where it leaves no time before `renewBefore`.
 * @param draw - uniform in [0, 1)
 */
export function retryDelayMs(
  { failure, failures, first }: FailedTry,
  held: Term | undefined,
  nowMs: number,
  draw: number,
  policy: RenewalPolicy,
): number {
  const slowestMs = slowestPaceMs(held, nowMs, policy)
  const doubledMs = policy.backoffBaseMs * 2 ** Math.min(failures - 1, 30)
  const ceilingMs = failure.kind === 'refused' ? slowestMs : Math.min(slowestMs, doubledMs)
  const jitteredMs = ceilingMs * (0.1 + 0.9 * draw)
  if (failure.retryAfterMs !== undefined && failure.retryAfterMs > 0) {
    // Spread upwards only: never earlier than asked.
    return Math.max(jitteredMs, Math.min(failure.retryAfterMs, longestRetryAfterMs) * (1 + 0.1 * draw))
  }
  const leftMs = held === undefined ? 0 : momentOf(held, policy.renewBefore) - nowMs
  return first && leftMs > 0 ? Math.min(jitteredMs, 0.5 * leftMs) : jitteredMs
}
