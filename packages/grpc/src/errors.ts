/**
 * What this package's own failures are thrown as, or carried as the `cause` of a gRPC status.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type GrpcAuthErrorCode =
  | 'ERR_GRPC_OPTIONS_INVALID'
  | 'ERR_GRPC_POLICY_INVALID'
  | 'ERR_GRPC_PLAINTEXT_REFUSED'
  | 'ERR_GRPC_TOKEN_UNUSABLE'
  | 'ERR_GRPC_TOKEN_TIMEOUT'
  | 'ERR_GRPC_PEER_WITHOUT_CERTIFICATE'
  | 'ERR_GRPC_PEER_REFUSED'
  | 'ERR_GRPC_PEER_PROTOCOL'

/** Tell failures apart by {@link GrpcAuthError.code}; what led to one is its `cause`. */
export class GrpcAuthError extends Error {
  override readonly name = 'GrpcAuthError'
  readonly code: GrpcAuthErrorCode
  /** The next step for whoever reads this at 3 a.m. Like `message`, it never holds a secret. */
  readonly cure: string

  constructor(code: GrpcAuthErrorCode, message: string, options: { cure: string; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.code = code
    this.cure = options.cure
  }
}

/** The stable code of any error that has one, else its class. For events: texts of strangers may hold anything. */
export function errorCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'ERR_UNKNOWN'
  const code: unknown = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : error.name
}
