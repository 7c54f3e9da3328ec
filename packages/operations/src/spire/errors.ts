/**
 * How calls to SPIRE's server fail.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type SpireServerErrorCode =
  | 'ERR_SPIRE_SERVER_UNREACHABLE'
  | 'ERR_SPIRE_SERVER_SOCKET_DENIED'
  | 'ERR_SPIRE_SERVER_PERMISSION_DENIED'
  | 'ERR_SPIRE_SERVER_TIMEOUT'
  | 'ERR_SPIRE_SERVER_REFUSED'

const cures: Readonly<Record<SpireServerErrorCode, string>> = {
  ERR_SPIRE_SERVER_UNREACHABLE: 'Start spire-server, or set SPIRE_SERVER_SOCKET to the socket of its API.',
  ERR_SPIRE_SERVER_SOCKET_DENIED: "Run this as the user that spire-server runs as; the socket is its owner's.",
  ERR_SPIRE_SERVER_PERMISSION_DENIED: 'Use the socket of the server, or an SVID of an entry with admin: true.',
  ERR_SPIRE_SERVER_TIMEOUT: "Look at spire-server's log and at its datastore: it answers too slowly.",
  ERR_SPIRE_SERVER_REFUSED: 'Correct what the server names; asking again changes nothing.',
}

/** Tell failures apart by {@link SpireServerError.code}. */
export class SpireServerError extends Error {
  override readonly name = 'SpireServerError'
  readonly code: SpireServerErrorCode
  /** The next step for whoever reads this at 3 a.m. */
  readonly cure: string
  /** gRPC status code, when the server answered. */
  readonly status: number | undefined

  constructor(code: SpireServerErrorCode, message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.cure = cures[code]
    this.status = options.status
  }
}
