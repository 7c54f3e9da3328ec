/**
 * The floor under the time between two new credentials. Renewals are free; whatever may have made a new
 * database user or a new token is paid for here, also when its answer was lost or its probe failed.
 * @module
 */
import type { RenewalPolicy } from './policy.js'

/** What has been issued lately, in milliseconds of the monotonic clock. */
export interface Floor {
  /** When the last counted request was sent. */
  readonly lastMs: number
  /** Up to when the issues so far have used up the rate. */
  readonly paidUntilMs: number
  /** Time that one new credential costs. 0 until a TTL is known: then only back-off limits. */
  readonly intervalMs: number
}

export const freshFloor: Floor = Object.freeze({
  lastMs: Number.NEGATIVE_INFINITY,
  paidUntilMs: Number.NEGATIVE_INFINITY,
  intervalMs: 0,
})

/** The most that the floor delays once nothing valid is held: an outage must not outlast its cause. */
const emptyHandedMs = 60_000
const leastIntervalMs = 100

/** Counts a request that made, or may have made, a credential of `ttlMs` (undefined: its answer was lost). */
export function pay(floor: Floor, sentMs: number, ttlMs: number | undefined, policy: RenewalPolicy): Floor {
  const intervalMs = ttlMs === undefined ? floor.intervalMs : intervalOf(ttlMs, policy)
  // Never more than two intervals deep, so that an outage with many lost answers leaves no debt behind.
  const paidUntilMs = Math.min(Math.max(floor.paidUntilMs, sentMs) + intervalMs, sentMs + 2 * intervalMs)
  return { lastMs: sentMs, paidUntilMs, intervalMs }
}

/** When the next new credential may be asked for. */
export function opensMs(floor: Floor, emptyHanded: boolean): number {
  const byRateMs = floor.paidUntilMs - floor.intervalMs
  return emptyHanded ? Math.min(byRateMs, floor.lastMs + Math.min(floor.intervalMs, emptyHandedMs)) : byRateMs
}

function intervalOf(ttlMs: number, policy: RenewalPolicy): number {
  return ttlMs > 0 ? Math.max(leastIntervalMs, policy.floorShare * ttlMs) : emptyHandedMs
}
