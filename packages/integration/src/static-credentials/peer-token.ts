/**
 * Calls between peers when SPIFFE is off: one token that they share. It proves that the caller belongs, not who it
 * is, so a policy by SPIFFE ID cannot be asked; each call that is let in is counted as a fallback.
 * @module
 */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import {
  type JwtSvidRejected,
  jwtSvidRejected,
  type RefusalReason,
  type UnsafeFallbackAdmitted,
  unsafeFallbackAdmitted,
} from '@chaveiro/grpc'
import type { Secret } from '@chaveiro/rotation'
import {
  InterceptingCall,
  type Interceptor,
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js'

/** Puts the token on each outgoing call. */
export function peerTokenClientInterceptor(token: Secret): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        metadata.set('authorization', `Bearer ${token.expose()}`)
        next(metadata, listener)
      },
    })
}

/** Lets in calls that bear the token. @param service - what the metrics call this service */
export function peerTokenServerInterceptor(token: Secret, service: string): ServerInterceptor {
  return ({ path: method }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata(metadata, pass) {
            const facts = { service, method, correlationId: correlationIdOf(metadata) }
            const reason = refusalOf(metadata, token)
            if (reason === undefined) {
              unsafeFallbackAdmitted.publish(facts satisfies UnsafeFallbackAdmitted)
              metadata.remove('authorization')
              pass(metadata)
              return
            }
            jwtSvidRejected.publish({ ...facts, reason } satisfies JwtSvidRejected)
            call.sendStatus({ code: status.UNAUTHENTICATED, details: `refused (${reason})` })
          },
        })
      },
    })
}

function refusalOf(metadata: Metadata, token: Secret): RefusalReason | undefined {
  const [value, ...others] = metadata.get('authorization')
  if (value === undefined) return 'token_missing'
  if (others.length > 0) return 'token_repeated'
  // Compared by digests, which have one length: how long the comparison takes tells nothing.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(String(value)), digest(`Bearer ${token.expose()}`)) ? undefined : 'signature_invalid'
}

/** The caller chooses it and it ends up in logs: a short word of harmless characters, or one of our own. */
function correlationIdOf(metadata: Metadata): string {
  const [given] = metadata.get('x-correlation-id')
  return typeof given === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : randomUUID()
}
