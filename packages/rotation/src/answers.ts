/**
 * What each answer of a server tells its breaker.
 * @module
 */
import { isOfAnotherRotation } from './failure.js'
import type { RotationRecord } from './record.js'
import type { Failure } from './source.js'

/** The server works, be its answer a refusal. */
export function serverAnswered<T>({ breaker, house }: RotationRecord<T>): void {
  const before = breaker.state
  breaker.answered()
  if (before !== 'closed') house.breakerChanged(breaker)
}

/** A call failed. @param probes - whether it was the probe of an open breaker */
export function callFailed<T>(record: RotationRecord<T>, error: unknown, failure: Failure, probes: boolean): void {
  if (isOfAnotherRotation(error)) {
    callEnded(record, probes)
  } else if (failure.kind === 'unavailable') {
    record.breaker.failed(record.nowMs(), probes, record.draw())
    if (probes) record.house.breakerChanged(record.breaker)
  } else {
    serverAnswered(record)
  }
}

/** A call ended without saying anything about its server. */
export function callEnded<T>({ breaker, house }: RotationRecord<T>, probes: boolean): void {
  if (!probes) return
  breaker.ended()
  house.breakerChanged(breaker)
}
