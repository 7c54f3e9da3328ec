/**
 * What goes wrong in one simulated life of a service, and when: made from one seed, and made smaller when it fails.
 * @module
 */
import { FakeClock } from '@chaveiro/rotation/testing'

/** Faults that last, and faults of one moment (their `seconds` count for nothing but `stall` and `wall-step`). */
export const faultKinds = [
  'sealed',
  'down',
  'hang',
  'slow',
  'lose-replies',
  'html',
  'busy',
  'policy-taken',
  'database-down',
  'restart',
  'token-revoked',
  'lease-revoked',
  'stall',
  'wall-step',
] as const

export type FaultKind = (typeof faultKinds)[number]

export interface Fault {
  readonly kind: FaultKind
  readonly atSeconds: number
  readonly seconds: number
}

/** A transaction that somebody holds open. */
export interface Transaction {
  readonly atSeconds: number
  readonly seconds: number
}

/** A person asks. */
export interface Wish {
  readonly atSeconds: number
  readonly what: 'renew' | 'replace' | 'renew-token'
}

export interface Schedule {
  /** Draws jitter inside the engine. */
  readonly seed: number
  readonly latencyMs: number
  readonly tokenTtlSeconds: number
  readonly tokenMaxTtlSeconds: number
  readonly leaseTtlSeconds: number
  readonly leaseMaxTtlSeconds: number
  readonly transactions: readonly Transaction[]
  readonly wishes: readonly Wish[]
  readonly faults: readonly Fault[]
}

/** When the last fault may begin. */
const eventfulSeconds = 90

/** The schedule of a seed; the same one each time. */
export function scheduleOf(seed: number): Schedule {
  const clock = new FakeClock({ seed })
  const whole = (from: number, to: number): number => from + Math.floor(clock.random() * (to - from + 1))
  const pick = <T>(values: readonly T[]): T => values[whole(0, values.length - 1)] as T
  const several = <T>(most: number, make: () => T): T[] => Array.from({ length: whole(0, most) }, make)
  const leaseTtlSeconds = pick([10, 20, 30])
  const tokenTtlSeconds = pick([15, 30, 60])
  return {
    seed,
    latencyMs: pick([0, 5, 200]),
    tokenTtlSeconds,
    tokenMaxTtlSeconds: tokenTtlSeconds * pick([2, 4, 1000]),
    leaseTtlSeconds,
    leaseMaxTtlSeconds: leaseTtlSeconds * pick([2, 3, 1000]),
    transactions: several(3, () => ({ atSeconds: whole(0, eventfulSeconds), seconds: whole(1, 70) })),
    wishes: several(1, () => ({
      atSeconds: whole(5, eventfulSeconds),
      what: pick(['renew', 'replace', 'renew-token'] as const),
    })),
    faults: several(4, () => ({
      kind: pick(faultKinds),
      atSeconds: whole(1, eventfulSeconds),
      seconds: pick([1, 3, 8, 20, 45]),
    })),
  }
}

/** Schedules that are a little less than this one, the greatest steps first. */
function* smaller(schedule: Schedule): Generator<Schedule> {
  const { faults, transactions, wishes } = schedule
  for (const [index] of faults.entries()) yield { ...schedule, faults: faults.toSpliced(index, 1) }
  for (const [index] of transactions.entries()) yield { ...schedule, transactions: transactions.toSpliced(index, 1) }
  for (const [index] of wishes.entries()) yield { ...schedule, wishes: wishes.toSpliced(index, 1) }
  for (const [index, fault] of faults.entries()) {
    if (fault.seconds <= 1) continue
    const shorter = { ...fault, seconds: Math.floor(fault.seconds / 2) }
    yield { ...schedule, faults: faults.toSpliced(index, 1, shorter) }
  }
  if (schedule.latencyMs > 0) yield { ...schedule, latencyMs: 0 }
  if (schedule.seed !== 1) yield { ...schedule, seed: 1 }
}

/** The smallest schedule on the way down from `schedule` that still fails. */
export async function shrink(schedule: Schedule, fails: (candidate: Schedule) => Promise<boolean>): Promise<Schedule> {
  let smallest = schedule
  for (let found = true; found; ) {
    found = false
    for (const candidate of smaller(smallest)) {
      if (!(await fails(candidate))) continue
      smallest = candidate
      found = true
      break
    }
  }
  return smallest
}
