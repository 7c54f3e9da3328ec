/**
 * What the failures of this package are thrown as.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type IntegrationErrorCode =
  | 'ERR_INTEGRATION_START_FAILED'
  | 'ERR_INTEGRATION_START_TIMEOUT'
  | 'ERR_INTEGRATION_ADMIN_ADDRESS_IN_USE'
  | 'ERR_INTEGRATION_ADMIN_LISTEN'
  | 'ERR_INTEGRATION_NOT_CONFIGURED'
  | 'ERR_INTEGRATION_SECRET_KEY_MISSING'
  | 'ERR_INTEGRATION_STATIC_SECRET_MISSING'
  | 'ERR_INTEGRATION_CLOSED'

/** Tell failures apart by {@link IntegrationError.code}; what led to one is its `cause`. */
export class IntegrationError extends Error {
  override readonly name = 'IntegrationError'
  readonly code: IntegrationErrorCode
  /** The next step for whoever reads this at 3 a.m. Like `message`, it never holds a secret. */
  readonly cure: string

  constructor(code: IntegrationErrorCode, message: string, options: { cure: string; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.code = code
    this.cure = options.cure
  }
}
