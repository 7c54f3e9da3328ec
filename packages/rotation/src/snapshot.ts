/**
 * What can be told of a rotation at a moment, made from its state.
 * @module
 */
import { nextAttempt } from './decision.js'
import { hasEnded, momentOf } from './lifetime.js'
import type { RenewalPolicy } from './policy.js'
import type { RotationSnapshot } from './rotation.js'
import { isEmptyHanded, type RotationState } from './state.js'
import type { Tally } from './tally.js'

type Life = Omit<RotationSnapshot, 'id' | 'credentialType' | 'name'>

export function lifeAt(
  state: RotationState<unknown>,
  tally: Tally,
  nowMs: number,
  breakerOpensMs: number,
  policy: RenewalPolicy,
): Life {
  const term = state.held?.term
  const ends = term !== undefined && term.ttlMs > 0
  const attemptAtMs = state.closed || state.attempt ? undefined : nextAttempt(state, nowMs, breakerOpensMs, policy).atMs
  return {
    state: phaseAt(state, nowMs),
    ttlSeconds: term && term.ttlMs / 1000,
    remainingSeconds: ends ? Math.max(0, (term.endsMs - nowMs) / 1000) : undefined,
    nextAttemptInSeconds:
      attemptAtMs === undefined || attemptAtMs === Number.POSITIVE_INFINITY
        ? undefined
        : Math.max(0, (attemptAtMs - nowMs) / 1000),
    overdue: ends && nowMs >= momentOf(term, policy.renewBefore),
    consecutiveFailures: state.failures,
    ...tally,
  }
}

function phaseAt(state: RotationState<unknown>, nowMs: number): Life['state'] {
  if (state.closed) return 'closed'
  if (state.held === undefined) return 'starting'
  if (isEmptyHanded(state, nowMs) || hasEnded(state.held.term, nowMs)) return 'expired'
  if (state.attempt !== undefined) return state.attempt.action === 'renew' ? 'renewing' : 'replacing'
  return state.draining === undefined ? 'live' : 'draining'
}
