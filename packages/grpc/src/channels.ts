/**
 * The events of this package, as `node:diagnostics_channel` publishes them. Each type is the list of what may
 * be logged: no token and no key has a field to be in.
 * @module
 */
import { channel } from 'node:diagnostics_channel'
import type { RefusalReason } from './refusal.js'

/** A JWT-SVID was put on an outgoing call. */
export interface JwtSvidAttached {
  readonly audience: string
  /** SPIFFE ID that the token names: our own. */
  readonly subject: string
  /** Seconds of life the token had left when it was attached. */
  readonly expiresInSeconds: number
  /** `/package.Service/Method`. */
  readonly method: string
  readonly correlationId: string
}
export const jwtSvidAttached = channel('chaveiro:grpc:jwt-svid-attached')

/** A call was ended before it was sent, for want of a token that may be sent. */
export interface JwtSvidAttachFailed {
  readonly audience: string
  readonly method: string
  readonly reason: 'plaintext_channel' | 'token_unavailable' | 'deadline_exceeded' | 'cancelled'
  /** Stable code of the failure beneath, where there is one. */
  readonly errorCode?: string
  readonly correlationId: string
}
export const jwtSvidAttachFailed = channel('chaveiro:grpc:jwt-svid-attach-failed')

/** A caller was identified, and the policy lets it call this method. */
export interface JwtSvidValidated {
  /** The metric label: the name that the server's owner gave to the service. */
  readonly service: string
  readonly method: string
  readonly subject: string
  readonly expiresInSeconds: number
  readonly correlationId: string
}
export const jwtSvidValidated = channel('chaveiro:grpc:jwt-svid-validated')

/** A call was refused before its handler ran. */
export interface JwtSvidRejected {
  readonly service: string
  readonly method: string
  /** The true reason. The caller is told less where telling would help it guess. */
  readonly reason: RefusalReason
  /** Only where the token was found valid; what an invalid token says is not worth repeating. */
  readonly subject?: string
  /** Stable code of the failure beneath, where there is one. */
  readonly errorCode?: string
  readonly correlationId: string
}
export const jwtSvidRejected = channel('chaveiro:grpc:jwt-svid-rejected')

/** A call was admitted without any identity, because SPIFFE is switched off by choice. */
export interface UnsafeFallbackAdmitted {
  readonly service: string
  readonly method: string
  readonly correlationId: string
}
export const unsafeFallbackAdmitted = channel('chaveiro:grpc:unsafe-fallback-admitted')

/** An mTLS peer was refused, at the handshake or at a later call on the same connection. */
export interface PeerRefused {
  readonly side: 'client' | 'server'
  readonly at: 'handshake' | 'call'
  readonly errorCode: string
}
export const peerRefused = channel('chaveiro:grpc:peer-refused')

/** An mTLS connection is being ended because one of its two SVIDs nears, or has reached, its end. */
export interface ConnectionEnding {
  readonly side: 'client' | 'server'
  /** `drain`: no new calls, running ones finish. `end`: the SVID's life is over. */
  readonly stage: 'drain' | 'end'
  /** SPIFFE ID of the peer. */
  readonly peer: string
}
export const connectionEnding = channel('chaveiro:grpc:connection-ending')
