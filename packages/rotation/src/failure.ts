/**
 * Reading a failure: what it means for the value that is held, and whether it says anything about the server.
 * @module
 */
import { RotationError } from './errors.js'
import type { Failure, Source } from './source.js'

/** Asks the source; what nobody can read is `unavailable`. */
export function classifyFailure(source: Source<unknown>, error: unknown): Failure {
  try {
    return source.classify?.(error) ?? { kind: 'unavailable' }
  } catch {
    return { kind: 'unavailable' }
  }
}

/** An attempt that we gave up: what it asked for may have been done all the same. */
export const unanswered: Failure = Object.freeze({ kind: 'unavailable', lost: true })

/**
 * Whether the failure is that of another rotation which this one depends on (its token has ended, say): then
 * the server was not called, and its breaker learns nothing.
 */
export function isOfAnotherRotation(error: unknown): boolean {
  const isOne = (candidate: unknown): boolean =>
    candidate instanceof RotationError && candidate.code !== 'ERR_ROTATION_TIMEOUT'
  return isOne(error) || (error instanceof Error && isOne(error.cause))
}
