/**
 * The one decision: what a rotation does now. A pure function of its state and the time, the same in
 * production, in the property tests and in a simulated fleet.
 * @module
 */
import { opensMs } from './floor.js'
import { hasEnded, momentOf } from './lifetime.js'
import type { RenewalPolicy } from './policy.js'
import {
  type AttemptAction,
  aliveCount,
  isEmptyHanded,
  isSpent,
  type Retired,
  type RotationCause,
  type RotationState,
} from './state.js'

export type Decision<T> =
  /** Nothing will ever be due by itself. */
  | { readonly do: 'nothing' }
  | { readonly do: 'wait'; readonly untilMs: number }
  | { readonly do: AttemptAction; readonly cause: RotationCause }
  /** The attempt in flight has used up its time. */
  | { readonly do: 'abort' }
  /** The consumer is told that the previous value ends. */
  | { readonly do: 'signal-drain' }
  /** The consumer is no longer waited for. */
  | { readonly do: 'end-drain' }
  | { readonly do: 'revoke'; readonly entry: Retired<T> }
  /** The revocation in flight has used up its time. */
  | { readonly do: 'abort-revoke'; readonly entry: Retired<T> }
  /** Its tries are spent, and its life is over. */
  | { readonly do: 'forget'; readonly entry: Retired<T> }
  /** `renewBefore` has passed without a fresh grant: said once. */
  | { readonly do: 'overdue' }
  /** The value has ended: said once. */
  | { readonly do: 'expired' }

/** Values that may live at once: the one in use, and the one that drains or waits to be revoked. */
const aliveAtMost = 2
/** Share of the TTL before which a consumer's wish for a renewal waits. */
const heardAgainFrom = 0.05

/**
 * @param breakerOpensMs - from when the server may be called: -Infinity when its breaker is closed,
 *   Infinity while another rotation probes it
 */
export function decide<T>(
  state: RotationState<T>,
  nowMs: number,
  breakerOpensMs: number,
  policy: RenewalPolicy,
): Decision<T> {
  if (state.closed) return { do: 'nothing' }
  return (
    decideFlight(state, nowMs) ??
    decideDrain(state, nowMs) ??
    decideRetired(state, nowMs, breakerOpensMs) ??
    decideTelling(state, nowMs, policy) ??
    decideAttempt(state, nowMs, breakerOpensMs, policy)
  )
}

function decideFlight<T>({ attempt }: RotationState<T>, nowMs: number): Decision<T> | undefined {
  return attempt !== undefined && nowMs >= attempt.deadlineMs ? { do: 'abort' } : undefined
}

function decideDrain<T>({ draining }: RotationState<T>, nowMs: number): Decision<T> | undefined {
  if (draining === undefined) return undefined
  if (!draining.signalled && nowMs >= draining.signalMs) return { do: 'signal-drain' }
  return nowMs >= draining.endMs ? { do: 'end-drain' } : undefined
}

function decideRetired<T>(state: RotationState<T>, nowMs: number, breakerOpensMs: number): Decision<T> | undefined {
  const entry = state.retired.find((candidate) => nowMs >= retiredDueMs(candidate, breakerOpensMs))
  if (entry === undefined) return undefined
  if (entry.inFlight) return { do: 'abort-revoke', entry }
  return { do: isSpent(entry) ? 'forget' : 'revoke', entry }
}

/** A new try waits for the server's breaker; giving one up, or forgetting the value, does not. */
function retiredDueMs(entry: Retired<unknown>, breakerOpensMs: number): number {
  return entry.inFlight || isSpent(entry) ? entry.dueMs : Math.max(entry.dueMs, breakerOpensMs)
}

function decideTelling<T>(state: RotationState<T>, nowMs: number, policy: RenewalPolicy): Decision<T> | undefined {
  const held = state.held?.term
  if (held === undefined) return undefined
  if (!state.overdueTold && nowMs >= momentOf(held, policy.renewBefore)) return { do: 'overdue' }
  return !state.expiredTold && hasEnded(held, nowMs) ? { do: 'expired' } : undefined
}

function decideAttempt<T>(
  state: RotationState<T>,
  nowMs: number,
  breakerOpensMs: number,
  policy: RenewalPolicy,
): Decision<T> {
  let untilMs = nextDeadlineMs(state, nowMs, breakerOpensMs, policy)
  if (state.attempt === undefined) {
    const due = nextAttempt(state, nowMs, breakerOpensMs, policy)
    if (due.atMs <= nowMs) return { do: due.action, cause: due.cause }
    untilMs = Math.min(untilMs, due.atMs)
  }
  return untilMs === Number.POSITIVE_INFINITY ? { do: 'nothing' } : { do: 'wait', untilMs }
}

interface DueAttempt {
  readonly action: AttemptAction
  readonly cause: RotationCause
  /** Infinity: blocked until something else happens. */
  readonly atMs: number
}

/** The attempt that comes next, and when it may begin; back-off, breaker, floor and the two lives considered. */
export function nextAttempt(
  state: RotationState<unknown>,
  nowMs: number,
  breakerOpensMs: number,
  policy: RenewalPolicy,
): DueAttempt {
  const { wanted, held, failures, triedMs } = state
  const cause = failures > 0 ? 'retry' : 'schedule'
  const pausedMs = pausedUntilMs(state, breakerOpensMs, policy)
  const replaceAtMs = (urgent: boolean): number => replacementOpensMs(state, nowMs, urgent)
  if (wanted !== undefined) {
    // A value that has ended, or that never could be renewed, is replaced instead.
    const action = wanted.action === 'renew' && !isRenewable(state, nowMs) ? 'replace' : wanted.action
    const gateMs = action === 'replace' ? replaceAtMs(wanted.urgent) : renewalOpensMs(state)
    return { action, cause: wanted.cause, atMs: wanted.urgent ? gateMs : Math.max(pausedMs, gateMs) }
  }
  if (held === undefined) {
    return { action: 'replace', cause: failures > 0 ? 'retry' : 'start', atMs: Math.max(pausedMs, replaceAtMs(false)) }
  }
  const dueMs = Math.max(held.term.firstAttemptMs, pausedMs)
  if (!isRenewable(state, nowMs)) return { action: 'replace', cause, atMs: Math.max(dueMs, replaceAtMs(false)) }
  const lastResortMs = momentOf(held.term, policy.lastResortFrom)
  const turn = triedMs < lastResortMs || failures % 2 === 1
  const lastResort = failures > 0 && nowMs >= lastResortMs && turn && replaceAtMs(false) <= nowMs
  return { action: lastResort ? 'replace' : 'renew', cause, atMs: dueMs }
}

/** A consumer that asks all the time is not heard again for what has just been renewed. */
function renewalOpensMs({ held, wanted }: RotationState<unknown>): number {
  const heard = held === undefined || held.term.ttlMs === 0 || wanted?.cause !== 'consumer'
  return heard ? Number.NEGATIVE_INFINITY : momentOf(held.term, heardAgainFrom)
}

/** Until when back-off and breaker hold an attempt up; the breaker not past the last resort of a life. */
function pausedUntilMs(state: RotationState<unknown>, breakerOpensMs: number, policy: RenewalPolicy): number {
  const { held, notBeforeMs, triedMs } = state
  const lastResortMs = held === undefined ? Number.POSITIVE_INFINITY : momentOf(held.term, policy.lastResortFrom)
  return Math.max(notBeforeMs, triedMs < lastResortMs ? Math.min(breakerOpensMs, lastResortMs) : breakerOpensMs)
}

function isRenewable({ held }: RotationState<unknown>, nowMs: number): boolean {
  return held?.term.renewable === true && !hasEnded(held.term, nowMs)
}

/** When a new credential may be asked for: a third one never while two live, and none above the floor rate. */
function replacementOpensMs(state: RotationState<unknown>, nowMs: number, urgent: boolean): number {
  if (state.draining !== undefined || aliveCount(state, nowMs) >= aliveAtMost) return Number.POSITIVE_INFINITY
  return urgent ? Number.NEGATIVE_INFINITY : opensMs(state.floor, isEmptyHanded(state, nowMs))
}

/** The next moment at which something other than an attempt is due. */
function nextDeadlineMs(
  state: RotationState<unknown>,
  nowMs: number,
  breakerOpensMs: number,
  policy: RenewalPolicy,
): number {
  const { attempt, draining, held, retired } = state
  let nextMs = attempt?.deadlineMs ?? Number.POSITIVE_INFINITY
  if (draining !== undefined) nextMs = Math.min(nextMs, draining.signalled ? draining.endMs : draining.signalMs)
  if (held !== undefined && !state.overdueTold) nextMs = Math.min(nextMs, momentOf(held.term, policy.renewBefore))
  if (held !== undefined && !state.expiredTold) nextMs = Math.min(nextMs, held.term.endsMs)
  for (const entry of retired) {
    // Its end makes room for another value.
    const endsMs = entry.holding.term.endsMs
    nextMs = Math.min(nextMs, retiredDueMs(entry, breakerOpensMs), endsMs > nowMs ? endsMs : Number.POSITIVE_INFINITY)
  }
  return nextMs
}
