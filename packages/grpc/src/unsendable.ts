/**
 * Why an outgoing call ends before anything of it is sent, as a gRPC status.
 * @module
 */
import { status } from '@grpc/grpc-js'
import type { JwtSvidAttachFailed } from './channels.js'
import { errorCodeOf, GrpcAuthError } from './errors.js'

/** A call that will not be sent. The `cause` reaches the application as the `cause` of its error. */
export class Unsendable extends Error {
  constructor(
    readonly code: status,
    readonly details: string,
    readonly reason: JwtSvidAttachFailed['reason'],
    cause?: unknown,
  ) {
    super(details, { cause })
  }
}

export function plaintextRefused(target: string): Unsendable {
  const cause = new GrpcAuthError(
    'ERR_GRPC_PLAINTEXT_REFUSED',
    `the channel to ${target} is not known to be encrypted`,
    {
      cure:
        'Create the client with jwtSvidClientOptions() and TLS credentials, so that the interceptor sees the channel; ' +
        'or name allowPlaintext if the network itself is trusted.',
    },
  )
  return new Unsendable(status.FAILED_PRECONDITION, `JWT-SVID not sent: ${cause.message}`, 'plaintext_channel', cause)
}

export function tokenUnavailable(audience: string, cause: unknown): Unsendable {
  const details = `no JWT-SVID for audience ${JSON.stringify(audience)} could be obtained (${errorCodeOf(cause)})`
  return new Unsendable(status.UNAVAILABLE, details, 'token_unavailable', cause)
}

export function deadlineExceeded(): Unsendable {
  const details = 'deadline exceeded while waiting for a JWT-SVID'
  return new Unsendable(status.DEADLINE_EXCEEDED, details, 'deadline_exceeded')
}

export function cancelled(): Unsendable {
  return new Unsendable(status.CANCELLED, 'Cancelled on client', 'cancelled')
}
