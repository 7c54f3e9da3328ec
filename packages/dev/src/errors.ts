/**
 * How the development stack fails.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type DevErrorCode =
  /** The program of a server is not on this machine. */
  | 'ERR_DEV_SERVER_MISSING'
  /** A server was started and ended, or did not become ready in time. */
  | 'ERR_DEV_SERVER_START'
  /** A running server refused what the launcher asked of it. */
  | 'ERR_DEV_SERVER_COMMAND'

/** What every failure of this package is thrown as; tell them apart by {@link DevError.code}. */
export class DevError extends Error {
  override readonly name = 'DevError'
  readonly code: DevErrorCode
  /** The next step for whoever reads this. Like `message`, it never holds a secret. */
  readonly cure: string

  constructor(code: DevErrorCode, message: string, options: { cure: string; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.code = code
    this.cure = options.cure
  }
}
