/**
 * Who is calling, for handlers. Kept beside the call's metadata object, which grpc-js hands from interceptor to
 * interceptor and on to the handler: a call whose metadata was swapped on the way has no caller, never another's.
 * @module
 */

import type { JwtSvid, SpiffeId } from '@chaveiro/spiffe'
import type { Metadata } from '@grpc/grpc-js'

/** A caller that {@link jwtSvidServerInterceptor} let through. */
export interface Caller {
  readonly id: SpiffeId
  /** Its claims may serve the handler; they are the issuer's word, not an identity. */
  readonly svid: JwtSvid
}

/** What handlers and server interceptors both hold of a call. */
export interface CallWithMetadata {
  readonly metadata: Metadata
}

const callers = new WeakMap<Metadata, Caller>()
const peers = new WeakMap<Metadata, SpiffeId>()

/** @returns the caller that the JWT-SVID of this call names; `undefined` on methods that are open to all */
export function callerOf(call: CallWithMetadata): Caller | undefined {
  return callers.get(call.metadata)
}

/** @returns the SPIFFE ID of the verified X.509-SVID at the other end of the connection; `undefined` without mTLS */
export function peerOf(call: CallWithMetadata): SpiffeId | undefined {
  return peers.get(call.metadata)
}

export function rememberCaller(metadata: Metadata, caller: Caller): void {
  callers.set(metadata, caller)
}

export function rememberPeer(metadata: Metadata, peer: SpiffeId): void {
  peers.set(metadata, peer)
}
