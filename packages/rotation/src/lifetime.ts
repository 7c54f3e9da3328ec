/**
 * The life of one value: when it began, when it ends, when it is first renewed, when it must have been.
 * Arithmetic only. What to do at these times is `decision.ts`.
 * @module
 */
import { RotationError } from './errors.js'
import type { RenewalPolicy } from './policy.js'
import type { Grant, Renewal } from './source.js'

/** A granted life, in milliseconds of the monotonic clock. */
export interface Term {
  /** Before the request that obtained it was sent. */
  readonly countsFromMs: number
  /** 0: never ends. */
  readonly ttlMs: number
  /** Infinity when it never ends. */
  readonly endsMs: number
  /** When the first attempt is due; Infinity when there is nothing to renew. */
  readonly firstAttemptMs: number
  readonly renewable: boolean
  /** What a renewal asks for: the TTL that was first granted, in seconds. */
  readonly incrementSeconds: number
  /** Renewals in a row that did not move the end. */
  readonly stillRenewals: number
}

/** A value and its life. */
export interface Holding<T> {
  readonly value: T
  readonly term: Term
}

/** A renewal that grants less than this share of what was asked has met the max TTL. */
const truncatedBelow = 0.9
const stillRenewalsAllowed = 1

/** Whether a TTL can be one: a number of seconds, 0 or more. */
export function isSound(ttlSeconds: number): boolean {
  return Number.isFinite(ttlSeconds) && ttlSeconds >= 0
}

function checkTtl(ttlSeconds: number): void {
  if (!isSound(ttlSeconds)) {
    throw new RotationError('ERR_ROTATION_BAD_GRANT', `the source granted a TTL of ${String(ttlSeconds)} seconds`)
  }
}

/** Written out field by field: the same hidden class for all, so that an idle rotation stays small. */
function term(
  countsFromMs: number,
  granted: Renewal,
  draw: number,
  policy: RenewalPolicy,
  incrementSeconds: number,
  stillRenewals: number,
): Term {
  const ttlMs = granted.ttlSeconds * 1000
  const share = policy.firstAttemptFrom + draw * (policy.firstAttemptTo - policy.firstAttemptFrom)
  const ends = ttlMs > 0
  return {
    countsFromMs,
    ttlMs,
    endsMs: ends ? countsFromMs + ttlMs : Number.POSITIVE_INFINITY,
    firstAttemptMs: ends ? countsFromMs + share * ttlMs : Number.POSITIVE_INFINITY,
    renewable: granted.renewable,
    incrementSeconds,
    stillRenewals,
  }
}

/**
 * The life of a new value.
 * @param sentMs - when the request was sent
 * @param draw - uniform in [0, 1), its own for each grant
 * @throws {RotationError} `ERR_ROTATION_BAD_GRANT` when the TTL is negative, infinite or not a number
 */
export function grantedTerm(
  grant: Grant<unknown>,
  sentMs: number,
  nowMs: number,
  draw: number,
  policy: RenewalPolicy,
): Term {
  checkTtl(grant.ttlSeconds)
  const countsFromMs = Math.min(grant.countsFromMs ?? sentMs, nowMs)
  return term(countsFromMs, grant, draw, policy, grant.ttlSeconds, 0)
}

/**
 * The life of a value after a renewal, and whether the renewal was truncated: granted less than 0.9 of what
 * was asked, or for the second time in a row without moving the end.
 * @throws {RotationError} `ERR_ROTATION_BAD_GRANT` as {@link grantedTerm}
 */
export function renewedTerm(
  before: Term,
  renewal: Renewal,
  sentMs: number,
  draw: number,
  policy: RenewalPolicy,
): { readonly term: Term; readonly truncated: boolean } {
  checkTtl(renewal.ttlSeconds)
  const { ttlSeconds } = renewal
  const ends = ttlSeconds > 0
  // What has an end is not made endless by a renewal: less than a second was left to grant, told in whole seconds.
  if (!ends && before.ttlMs > 0) return { term: before, truncated: true }
  const elapsedMs = sentMs - before.countsFromMs
  const movedMs = ends ? sentMs + ttlSeconds * 1000 - before.endsMs : Number.POSITIVE_INFINITY
  // Two renewals at nearly the same moment say nothing; judged from a tenth of the TTL on.
  const judged = ends && elapsedMs >= 0.1 * before.ttlMs
  const still = judged && movedMs < 0.1 * elapsedMs
  const stillRenewals = still ? before.stillRenewals + 1 : judged ? 0 : before.stillRenewals
  const short = ends && ttlSeconds < truncatedBelow * before.incrementSeconds
  return {
    term: term(sentMs, renewal, draw, policy, before.incrementSeconds, stillRenewals),
    truncated: short || stillRenewals > stillRenewalsAllowed,
  }
}

/** Whether the value has no life left. */
export function hasEnded(term: Term, nowMs: number): boolean {
  return nowMs >= term.endsMs
}

/** The moment at which `share` of the life is over; Infinity when it never ends. */
export function momentOf(term: Term, share: number): number {
  return term.ttlMs > 0 ? term.countsFromMs + share * term.ttlMs : Number.POSITIVE_INFINITY
}

/** How much of the life is over, as a share of the TTL; undefined when it never ends. */
export function shareAt(term: Term, nowMs: number): number | undefined {
  return term.ttlMs > 0 ? (nowMs - term.countsFromMs) / term.ttlMs : undefined
}

/**
 * When an attempt that begins now is given up. A first attempt leaves a fifth of the time up to `renewBefore`
 * for the retry; a later one may use half of the life that is left.
 */
export function attemptDeadlineMs(
  held: Term | undefined,
  first: boolean,
  nowMs: number,
  policy: RenewalPolicy,
): number {
  const latestMs = nowMs + policy.attemptTimeoutMs
  if (held === undefined || held.ttlMs === 0 || hasEnded(held, nowMs)) return latestMs
  const renewBeforeMs = momentOf(held, policy.renewBefore)
  if (first && nowMs < renewBeforeMs) return Math.min(latestMs, nowMs + 0.8 * (renewBeforeMs - nowMs))
  return Math.min(latestMs, nowMs + Math.max(0.5 * (held.endsMs - nowMs), 0.05 * held.ttlMs))
}

/** How long before its end a drained value is given up, so that what still uses it can end in order. */
export function drainMarginMs(held: Term): number {
  return held.ttlMs > 0 ? Math.min(5000, 0.05 * held.ttlMs) : 5000
}

/** When a revocation that begins now is given up: the place of the value is needed again. */
export function revokeDeadlineMs(held: Term, nowMs: number, policy: RenewalPolicy): number {
  const byLifeMs = held.ttlMs > 0 ? Math.max(1000, 0.1 * held.ttlMs) : policy.attemptTimeoutMs
  return nowMs + Math.min(policy.attemptTimeoutMs, byLifeMs)
}
