/**
 * The calling side: each outgoing call bears a JWT-SVID for its peer's audience, or is not sent at all.
 * What a channel is (TLS or not, and to where) is `client-options.ts` and `channel-target.ts`.
 * @module
 */

import { type Clock, systemClock } from '@chaveiro/rotation'
import { bearerOf, type JwtSvid, type JwtSvidSource } from '@chaveiro/spiffe'
import {
  InterceptingCall,
  type InterceptingListener,
  type Interceptor,
  Metadata,
  type StatusObject,
} from '@grpc/grpc-js'
import { isLocalTarget } from './channel-target.js'
import { type JwtSvidAttached, type JwtSvidAttachFailed, jwtSvidAttached, jwtSvidAttachFailed } from './channels.js'
import { channelFactsIn } from './client-options.js'
import { ensureCorrelationId } from './correlation-id.js'
import { errorCodeOf, GrpcAuthError } from './errors.js'
import { TokenWait } from './token-wait.js'
import { plaintextRefused, tokenUnavailable, Unsendable } from './unsendable.js'

export interface JwtSvidClientOptions {
  /** Where JWT-SVIDs come from; asked once per call, so it should keep them. */
  source: JwtSvidSource
  /** What the peer accepts tokens for. One audience: a token for two peers lets each pose as us to the other. */
  audience: string
  /**
   * Also send the token over plaintext that leaves this machine, where whoever listens can use it. Default `false`:
   * plaintext to loopback and unix sockets only (JWT-SVID section 7).
   */
  allowPlaintext?: boolean
  /** Longest wait for a token in milliseconds, above 0, besides the call's own deadline. Default 10 000. */
  tokenTimeoutMs?: number
  clock?: Clock
}

/** @throws {GrpcAuthError} for a token that must not, or need not, be sent */
function checkToken(svid: JwtSvid, audience: string, atMs: number): void {
  if (svid.expiresAtMs <= atMs) throw unusable('has expired')
  if (!svid.audience.includes(audience)) throw unusable('is for another audience')
}

function unusable(what: string): GrpcAuthError {
  return new GrpcAuthError('ERR_GRPC_TOKEN_UNUSABLE', `the JWT-SVID that the source gave ${what}`, {
    cure: 'Compare the clocks of this machine and of the SPIRE server, and look at the state of the JWT source.',
  })
}

/**
 * A client interceptor that sends `authorization: Bearer <JWT-SVID>` and `x-correlation-id` with each call, of all
 * four kinds. An `authorization` that the application set is replaced. Calls that cannot have a token end before
 * anything is sent: `UNAVAILABLE` when the source fails (its error is the `cause`), `DEADLINE_EXCEEDED`,
 * `FAILED_PRECONDITION` on a plaintext channel that leaves the machine.
 *
 * A bare interceptor cannot see whether its channel is encrypted, so it serves local targets; for TLS to other
 * machines create the client with {@link jwtSvidClientOptions}.
 * @throws {GrpcAuthError} `ERR_GRPC_OPTIONS_INVALID` for an empty audience or a wait that is not positive
 * @see JWT-SVID sections 5.3 and 7
 */
export function jwtSvidClientInterceptor(options: JwtSvidClientOptions): Interceptor {
  checkOptions(options)
  const clock = options.clock ?? systemClock
  return (callOptions, nextCall) => {
    const inner = nextCall(callOptions)
    const facts = channelFactsIn(callOptions)
    const target = facts?.target ?? inner.getPeer()
    const sendable = facts?.secure === true || options.allowPlaintext === true || isLocalTarget(target, facts?.env)
    const method = callOptions.method_definition.path
    const wait = new TokenWait(options, callOptions.deadline)
    return new InterceptingCall(inner, {
      async start(given, listener, next) {
        // The application may use its metadata object for other calls, to other peers: the token goes on a copy.
        const metadata = given.clone()
        const call = { audience: options.audience, method, correlationId: ensureCorrelationId(metadata) }
        try {
          // Never in the turn of the call itself: the application has yet to listen for the end.
          const svid = await (sendable ? wait.token() : Promise.reject(plaintextRefused(target)))
          wait.throwIfOver()
          attach(svid, metadata, call, clock.wallMs())
        } catch (error) {
          const ending = error instanceof Unsendable ? error : tokenUnavailable(options.audience, error)
          inner.cancelWithStatus(ending.code, ending.details)
          endUnsent(ending, call, listener)
          return
        }
        next(metadata, listener)
      },
      cancel(next) {
        wait.cancel()
        next()
      },
    })
  }
}

function checkOptions({ audience, tokenTimeoutMs = 1 }: JwtSvidClientOptions): void {
  const problem =
    audience === '' ? 'audience is empty' : tokenTimeoutMs > 0 ? undefined : 'tokenTimeoutMs must be above 0'
  if (problem) {
    throw new GrpcAuthError('ERR_GRPC_OPTIONS_INVALID', problem, {
      cure: 'Name the one audience that the peer accepts.',
    })
  }
}

type OutgoingCall = Pick<JwtSvidAttached, 'audience' | 'method' | 'correlationId'>

function attach(svid: JwtSvid, metadata: Metadata, call: OutgoingCall, atMs: number): void {
  checkToken(svid, call.audience, atMs)
  metadata.set('authorization', bearerOf(svid).expose())
  const expiresInSeconds = (svid.expiresAtMs - atMs) / 1000
  jwtSvidAttached.publish({ ...call, subject: svid.id.toString(), expiresInSeconds } satisfies JwtSvidAttached)
}

function endUnsent(
  { code, details, reason, cause }: Unsendable,
  call: OutgoingCall,
  listener: InterceptingListener,
): void {
  const errorCode = cause === undefined ? {} : { errorCode: errorCodeOf(cause) }
  jwtSvidAttachFailed.publish({ ...call, reason, ...errorCode } satisfies JwtSvidAttachFailed)
  // grpc-js copies the status onto the error that the application gets, so the cause arrives there.
  const ended: StatusObject & { cause?: unknown } = { code, details, metadata: new Metadata(), cause }
  listener.onReceiveStatus(ended)
}
