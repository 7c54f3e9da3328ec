/**
 * The called side: who calls is read from a JWT-SVID, whether it may is read from a policy, and only then does
 * grpc-js hand the call to its handler. Until then nothing of the request is read.
 * @module
 */

import { type Clock, systemClock } from '@chaveiro/rotation'
import { type JwtBundleSource, type JwtSvid, tokenOfBearer, verifyJwtSvid } from '@chaveiro/spiffe'
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServiceDefinition,
} from '@grpc/grpc-js'
import { peerOf, rememberCaller } from './caller.js'
import {
  type JwtSvidRejected,
  type JwtSvidValidated,
  jwtSvidRejected,
  jwtSvidValidated,
  type UnsafeFallbackAdmitted,
  unsafeFallbackAdmitted,
} from './channels.js'
import { correlationIdKey, ensureCorrelationId } from './correlation-id.js'
import { errorCodeOf, GrpcAuthError } from './errors.js'
import { type CompiledPolicy, compilePolicy, type MethodPolicy } from './method-policy.js'
import { Refusal, refusalOf, refusalStatus } from './refusal.js'

export interface JwtSvidServerOptions {
  /** Keys by trust domain; a token is checked with those of its subject's trust domain only. */
  bundles: JwtBundleSource
  /** What tokens must be meant for: this service's name. */
  audience: string
  /** Who may call what. What it does not name is refused. */
  policy: MethodPolicy
  /** What the metrics call this service: a fixed word, never a SPIFFE ID. */
  service: string
  /** The services this server has. When given, a policy line for a method that none has is refused at once. */
  services?: readonly ServiceDefinition[]
  /** Clock difference that is forgiven, in seconds, 0 to 60. Default 60. */
  leewaySeconds?: number
  /**
   * Also demand that the connection is mTLS by {@link spiffeServerCredentials} and that its X.509-SVID names the
   * same workload as the token, so that a stolen token is of no use to others. Default `false`.
   */
  requireSamePeer?: boolean
  clock?: Clock
}

/** SPIFFE is off by choice. **Unsafe**: every call is admitted, whoever makes it, each with an event. */
export interface UnsafeStaticFallback {
  unsafeStaticFallback: true
  /** What the metrics call this service. */
  service: string
}

/**
 * A server interceptor that lets a call through to its handler when it bears exactly one valid JWT-SVID for
 * `audience` and `policy` lets the token's subject call the method. Otherwise the call ends with `UNAUTHENTICATED`
 * or `PERMISSION_DENIED`, the handler is not run, and no message is read. The handler learns the caller by
 * {@link callerOf}; the token itself is taken out of the metadata. Put it last among the server's interceptors, or
 * see that those after it pass the same metadata object on.
 * @throws {GrpcAuthError} `ERR_GRPC_POLICY_INVALID`, `ERR_GRPC_OPTIONS_INVALID`
 * @see JWT-SVID sections 3, 4 and 5.3
 */
export function jwtSvidServerInterceptor(options: JwtSvidServerOptions | UnsafeStaticFallback): ServerInterceptor {
  if (isUnsafeFallback(options)) return unsafeFallbackInterceptor(options.service)
  checkOptions(options)
  const policy = compilePolicy(options.policy, options.services)
  return ({ path: method }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          async onReceiveMetadata(metadata, pass) {
            const correlationId = ensureCorrelationId(metadata)
            try {
              await admit(options, policy, method, metadata, correlationId)
            } catch (error) {
              refuse(call, options.service, method, correlationId, refusalOf(error))
              return
            }
            metadata.remove('authorization')
            pass(metadata)
          },
        })
      },
    })
}

function checkOptions({ audience, service, leewaySeconds = 60 }: JwtSvidServerOptions): void {
  const problem =
    (audience === '' && 'audience is empty') ||
    (service === '' && 'service is empty') ||
    (!(leewaySeconds >= 0 && leewaySeconds <= 60) && 'leewaySeconds must be from 0 to 60')
  if (!problem) return
  throw new GrpcAuthError('ERR_GRPC_OPTIONS_INVALID', problem, { cure: 'See JwtSvidServerOptions for the limits.' })
}

/** @throws {Refusal} or whatever verification throws */
async function admit(
  options: JwtSvidServerOptions,
  policy: CompiledPolicy,
  method: string,
  metadata: Metadata,
  correlationId: string,
): Promise<void> {
  const rule = policy.rule(method)
  if (rule === 'open') return
  const clock = options.clock ?? systemClock
  const atMs = clock.wallMs()
  const { audience, leewaySeconds = 60 } = options
  const svid = await verifyJwtSvid(bearerToken(metadata), options.bundles, { audience, atMs, leewaySeconds })
  if (options.requireSamePeer) checkPeer(metadata, svid)
  const subject = svid.id.toString()
  if (!rule) throw new Refusal('method_not_named', { subject })
  if (!rule(svid.id)) throw new Refusal('not_authorized', { subject })
  rememberCaller(metadata, { id: svid.id, svid })
  const expiresInSeconds = Math.max(0, (svid.expiresAtMs - atMs) / 1000)
  const { service } = options
  jwtSvidValidated.publish({ service, method, subject, expiresInSeconds, correlationId } satisfies JwtSvidValidated)
}

function bearerToken(metadata: Metadata): string {
  const values = metadata.get('authorization')
  const [value] = values
  if (value === undefined) throw new Refusal('token_missing')
  if (values.length > 1) throw new Refusal('token_repeated')
  const token = tokenOfBearer(String(value))
  if (token === undefined) throw new Refusal(String(value).includes(',') ? 'token_repeated' : 'scheme_unsupported')
  return token
}

function checkPeer(metadata: Metadata, svid: JwtSvid): void {
  const peer = peerOf({ metadata })
  if (!peer) throw new Refusal('peer_unverified', { subject: svid.id.toString() })
  if (!peer.equals(svid.id)) throw new Refusal('peer_mismatch', { subject: svid.id.toString() })
}

function refuse(
  call: ServerInterceptingCallInterface,
  service: string,
  method: string,
  correlationId: string,
  { reason, subject, cause }: Refusal,
): void {
  const errorCode = cause === undefined ? undefined : errorCodeOf(cause)
  jwtSvidRejected.publish({
    service,
    method,
    reason,
    correlationId,
    ...(subject !== undefined && { subject }),
    ...(errorCode !== undefined && { errorCode }),
  } satisfies JwtSvidRejected)
  const metadata = new Metadata()
  metadata.set(correlationIdKey, correlationId)
  call.sendStatus({ ...refusalStatus(reason), metadata })
}

/** @throws {GrpcAuthError} when both are asked for: whoever wrote a policy did not mean to admit everybody */
function isUnsafeFallback(options: JwtSvidServerOptions | UnsafeStaticFallback): options is UnsafeStaticFallback {
  if (!('unsafeStaticFallback' in options) || options.unsafeStaticFallback !== true) return false
  if (!('policy' in options) && !('bundles' in options)) return true
  throw new GrpcAuthError('ERR_GRPC_OPTIONS_INVALID', 'unsafeStaticFallback admits everybody, yet there is a policy', {
    cure: 'Leave unsafeStaticFallback out to have callers checked, or policy and bundles to have them admitted unseen.',
  })
}

function unsafeFallbackInterceptor(service: string): ServerInterceptor {
  return ({ path: method }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata(metadata, pass) {
            const correlationId = ensureCorrelationId(metadata)
            unsafeFallbackAdmitted.publish({ service, method, correlationId } satisfies UnsafeFallbackAdmitted)
            pass(metadata)
          },
        })
      },
    })
}
