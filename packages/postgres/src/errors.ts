/**
 * How a rotating pool fails. What PostgreSQL itself says stays the error that `pg` makes of it.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type PostgresErrorCode =
  /** The pool was given something that contradicts the rotation of its credentials. */
  | 'ERR_POSTGRES_BAD_OPTION'
  /** There is no valid credential to connect with. */
  | 'ERR_POSTGRES_NO_CREDENTIAL'
  /** The next credential was tried on a real connection and does not work; the previous one stays in use. */
  | 'ERR_POSTGRES_PROBE_FAILED'
  /** The session was ended because the credential it was opened with has come to its end. */
  | 'ERR_POSTGRES_CREDENTIAL_ENDED'
  /** The pool has been ended. */
  | 'ERR_POSTGRES_POOL_ENDED'

/** What every failure of this package is thrown as; tell them apart by {@link PostgresError.code}. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError'
  readonly code: PostgresErrorCode
  /** The next step for whoever reads this at 3 a.m. Like `message`, it never holds a secret. */
  readonly cure: string

  constructor(code: PostgresErrorCode, message: string, options: { cure: string; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.code = code
    this.cure = options.cure
  }
}

/** SQLSTATE of a rejection by PostgreSQL; `undefined` for every other failure. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}
