/**
 * How the Workload API fails.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type WorkloadApiErrorCode =
  /** The endpoint is not configured, or its address breaks a rule of the specification. */
  | 'ERR_WORKLOAD_API_BAD_ENDPOINT'
  /** The socket file does not exist. */
  | 'ERR_WORKLOAD_API_SOCKET_MISSING'
  /** The socket file may not be opened by this user. */
  | 'ERR_WORKLOAD_API_SOCKET_DENIED'
  /** The socket is there, nothing listens on it. */
  | 'ERR_WORKLOAD_API_SOCKET_REFUSED'
  /** The agent knows no identity for this process. */
  | 'ERR_WORKLOAD_API_NO_IDENTITY'
  /** The agent is away, starting, limits the rate, or could not attest this process. */
  | 'ERR_WORKLOAD_API_UNAVAILABLE'
  /** The request broke a rule of the API. */
  | 'ERR_WORKLOAD_API_INVALID_ARGUMENT'
  /** ValidateJWTSVID: the token is not valid. */
  | 'ERR_WORKLOAD_API_TOKEN_REJECTED'
  /** This profile (X.509, JWT) is switched off at the agent. */
  | 'ERR_WORKLOAD_API_UNIMPLEMENTED'
  /** No answer in time. */
  | 'ERR_WORKLOAD_API_DEADLINE'
  /** An answer that breaks the specification; it was discarded. */
  | 'ERR_WORKLOAD_API_BAD_MESSAGE'
  /** None of the identities is the one that was asked for by hint or ID. */
  | 'ERR_WORKLOAD_API_NO_MATCHING_SVID'
  /** The SVID held has reached its end, and nothing newer came. */
  | 'ERR_WORKLOAD_API_SVID_EXPIRED'
  /** Used after close. */
  | 'ERR_WORKLOAD_API_CLOSED'

/** What every failure of the Workload API is thrown as; tell them apart by {@link WorkloadApiError.code}. */
export class WorkloadApiError extends Error {
  override readonly name = 'WorkloadApiError'
  readonly code: WorkloadApiErrorCode
  /** The next step for whoever reads this at 3 a.m. Like `message`, it never holds a secret. */
  readonly cure: string
  /** Name of the gRPC status that the agent answered with, for instance `PERMISSION_DENIED`. */
  readonly grpcStatus: string | undefined
  /** The field of the message that broke the specification. */
  readonly field: string | undefined

  constructor(
    code: WorkloadApiErrorCode,
    message: string,
    options: { cure: string; cause?: unknown; grpcStatus?: string; field?: string },
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.cure = options.cure
    this.grpcStatus = options.grpcStatus
    this.field = options.field
  }
}

/** Used after {@link AsyncDisposable} close. */
export function closedError(what: string): WorkloadApiError {
  return new WorkloadApiError('ERR_WORKLOAD_API_CLOSED', `the ${what} is closed`, {
    cure: `Use the ${what} before it is closed, or open a new one.`,
  })
}

/** A message of the agent that breaks the specification. `field` is its place, never its bytes. */
export function badMessage(field: string, what: string, cause?: unknown): WorkloadApiError {
  return new WorkloadApiError('ERR_WORKLOAD_API_BAD_MESSAGE', `the agent's message was discarded: ${field} ${what}`, {
    cure: 'Report it to whoever runs the SPIFFE agent, with its version; the last good message stays in use.',
    cause,
    field,
  })
}
