/**
 * When and how often things are attempted: every figure of the engine, with its unit, default and limits.
 * @module
 */

/** How a rotation behaves. Shares are fractions of the granted TTL, counted from before its request was sent. */
export interface RenewalPolicy {
  /** Earliest first attempt, share of the TTL. Default 0.60; above 0. */
  readonly firstAttemptFrom: number
  /** Latest first attempt, share of the TTL. Default 0.75; at least `firstAttemptFrom`, below `renewBefore`. */
  readonly firstAttemptTo: number
  /** By then a first attempt and one retry have begun, share of the TTL. Default 0.80, and never above it. */
  readonly renewBefore: number
  /** Lets `renewBefore` exceed 0.80, up to 0.95. Default false: what is late has no room for an outage. */
  readonly unsafeLateRenewal: boolean
  /** From here failing renewals take turns with replacements, share of the TTL. Default 0.90; `renewBefore` to 1. */
  readonly lastResortFrom: number
  /**
   * At most one new credential per this share of the TTL, plus one to ask again after a lost answer.
   * Once nothing valid is held, at most one a minute where that is sooner. Default 0.2; 0.01 to 1.
   */
  readonly floorShare: number
  /** Longest wait for one answer, in milliseconds; a first attempt waits less when a retry must still fit. Default 30 000; 10 to 300 000. */
  readonly attemptTimeoutMs: number
  /** Ceiling of the first pause after a failure, in milliseconds; doubles with each further one. Default 500; 10 to 60 000. */
  readonly backoffBaseMs: number
  /** Highest ceiling of a pause, in milliseconds; never above 0.05 of the TTL (but at least 500). Default 300 000; 100 to 3 600 000. */
  readonly backoffMaxMs: number
  /** Longest drain of a replaced value, in milliseconds; its remaining life is the other bound. Default 3 600 000; 0 to 86 400 000. */
  readonly drainMaxMs: number
  /** How long a replaced value lives on when no consumer says that it is drained, in milliseconds. Default 5 000; 0 to 3 600 000. */
  readonly handOffMs: number
  /** Widest window over which rotations that became due together are spread, in milliseconds. Default 10 000; 0 to 600 000. */
  readonly spreadMs: number
  /** Failures in a row, over all rotations of a server, that open its breaker. Default 5; 1 to 1000. */
  readonly breakerThreshold: number
  /** First pause of an open breaker, in milliseconds; doubles while its probes fail. Default 1 000; 10 to 600 000. */
  readonly breakerOpenMs: number
  /** Longest pause of an open breaker, in milliseconds. Default 10 000; `breakerOpenMs` to 600 000. */
  readonly breakerOpenMaxMs: number
}

/** What holds where nothing else is said. */
const defaultPolicy: RenewalPolicy = Object.freeze({
  firstAttemptFrom: 0.6,
  firstAttemptTo: 0.75,
  renewBefore: 0.8,
  unsafeLateRenewal: false,
  lastResortFrom: 0.9,
  floorShare: 0.2,
  attemptTimeoutMs: 30_000,
  backoffBaseMs: 500,
  backoffMaxMs: 300_000,
  drainMaxMs: 3_600_000,
  handOffMs: 5_000,
  spreadMs: 10_000,
  breakerThreshold: 5,
  breakerOpenMs: 1_000,
  breakerOpenMaxMs: 10_000,
})

type NumericOption = Exclude<keyof RenewalPolicy, 'unsafeLateRenewal'>

const limits: Record<NumericOption, readonly [least: number, most: number]> = {
  firstAttemptFrom: [0.01, 0.95],
  firstAttemptTo: [0.01, 0.95],
  renewBefore: [0.02, 0.95],
  lastResortFrom: [0.02, 1],
  floorShare: [0.01, 1],
  attemptTimeoutMs: [10, 300_000],
  backoffBaseMs: [10, 60_000],
  backoffMaxMs: [100, 3_600_000],
  drainMaxMs: [0, 86_400_000],
  handOffMs: [0, 3_600_000],
  spreadMs: [0, 600_000],
  breakerThreshold: [1, 1000],
  breakerOpenMs: [10, 600_000],
  breakerOpenMaxMs: [10, 600_000],
}

const latestSafeShare = 0.8

/**
 * Completes `wanted` from `base` and checks it.
 * @throws {RangeError} when a figure is out of its limits or two contradict each other; the message names them
 * @throws {TypeError} when there is no option of that name
 */
export function resolvePolicy(wanted: Partial<RenewalPolicy> = {}, base: RenewalPolicy = defaultPolicy): RenewalPolicy {
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined)
  if (given.length === 0) return base
  for (const [name] of given) {
    if (!(name in defaultPolicy)) throw new TypeError(`there is no renewal policy option named ${name}`)
  }
  const policy: RenewalPolicy = Object.freeze({ ...base, ...Object.fromEntries(given) })
  for (const [name, [least, most]] of Object.entries(limits) as [NumericOption, readonly [number, number]][]) {
    const value = policy[name]
    if (!(value >= least && value <= most)) {
      throw new RangeError(`${name} must be from ${least} to ${most}, got ${value}`)
    }
  }
  refuseContradictions(policy)
  return policy
}

function refuseContradictions(policy: RenewalPolicy): void {
  const { firstAttemptFrom, firstAttemptTo, renewBefore, lastResortFrom, breakerOpenMs, breakerOpenMaxMs } = policy
  if (renewBefore > latestSafeShare && !policy.unsafeLateRenewal) {
    throw new RangeError(
      `renewBefore must not exceed ${latestSafeShare} unless unsafeLateRenewal is set, got ${renewBefore}`,
    )
  }
  if (firstAttemptFrom > firstAttemptTo) {
    throw new RangeError(`firstAttemptFrom ${firstAttemptFrom} is after firstAttemptTo ${firstAttemptTo}`)
  }
  if (firstAttemptTo >= renewBefore) {
    throw new RangeError(
      `firstAttemptTo ${firstAttemptTo} leaves no room for a retry before renewBefore ${renewBefore}`,
    )
  }
  if (lastResortFrom < renewBefore) {
    throw new RangeError(`lastResortFrom ${lastResortFrom} is before renewBefore ${renewBefore}`)
  }
  if (breakerOpenMs > breakerOpenMaxMs) {
    throw new RangeError(`breakerOpenMs ${breakerOpenMs} exceeds breakerOpenMaxMs ${breakerOpenMaxMs}`)
  }
}
