/**
 * What the failures of this package are thrown as.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type RotationErrorCode =
  | 'ERR_ROTATION_NOT_READY'
  | 'ERR_ROTATION_EXPIRED'
  | 'ERR_ROTATION_CLOSED'
  | 'ERR_ROTATION_TIMEOUT'
  | 'ERR_ROTATION_BAD_GRANT'
  | 'ERR_ROTATION_SUPERSEDED'

const cures: Record<RotationErrorCode, string> = {
  ERR_ROTATION_NOT_READY: 'wait for ready(); the cause says why nothing could be obtained yet',
  ERR_ROTATION_EXPIRED: 'cure what the cause names; the rotation recovers by itself as soon as its source answers',
  ERR_ROTATION_CLOSED: 'open a new rotation; this one was closed by its owner',
  ERR_ROTATION_TIMEOUT: 'see why the server is slow; the attempt was given up so that another one still fits in time',
  ERR_ROTATION_BAD_GRANT: 'correct the source: a TTL is a number of seconds, 0 or more (0: never ends)',
  ERR_ROTATION_SUPERSEDED: 'nothing: a newer request took the place of this attempt',
}

/** What every failure of this package is thrown as; tell them apart by {@link RotationError.code}. */
export class RotationError extends Error {
  override readonly name = 'RotationError'
  readonly code: RotationErrorCode
  /** The next step for whoever reads this at 3 a.m. Like `message`, it never holds a secret. */
  readonly cure: string

  constructor(code: RotationErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.code = code
    this.cure = cures[code]
  }
}

/** The `code` of an error of any package, when it has one that is fit for an event. */
export function errorCodeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined | null)?.code
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : undefined
}
