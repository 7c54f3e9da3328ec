/**
 * Who is at the other end of a TLS connection. The TLS layer proves possession of the key; everything else is
 * judged here, against the bundle of the peer's own trust domain and by the clock of the caller (X509-5.2-a).
 * @module
 */
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { type Clock, systemClock } from '@chaveiro/rotation'
import type { X509BundleSource } from '../bundle/x509-bundle.js'
import type { Authorizer } from '../id/authorizer.js'
import { refusal } from '../svid/refusal.js'
import { type VerifiedX509Svid, verifyX509Svid } from '../svid/verify-x509-svid.js'

/** How peers are judged. */
export interface PeerRules {
  /** Authorities by trust domain; a peer is checked with those of its own trust domain only. */
  bundles: X509BundleSource
  /** Which verified peers are talked to. It is asked after the chain has been verified, never before. */
  authorize: Authorizer
  /** Default: the clock of the process. */
  clock?: Clock | undefined
}

const verifiedPeers = new WeakMap<object, VerifiedX509Svid>()

/**
 * Whom a connection leads to: `undefined` unless the socket came from `connectTls` or `createTlsServer`. On a server
 * of HTTPS it is the request's socket. It was judged when the connection began; a peer that must not stay beyond
 * `notAfterMs` has to be sent away by the application.
 */
export function peerSvid(socket: object): VerifiedX509Svid | undefined {
  return verifiedPeers.get(socket)
}

/** {@link verifyPeer} for a new connection; {@link peerSvid} then knows it. */
export function admitPeer(socket: TLSSocket, rules: PeerRules): VerifiedX509Svid {
  const peer = verifyPeer(socket, rules)
  verifiedPeers.set(socket, peer)
  return peer
}

/** No chain that we accept is longer; a certificate that is its own issuer ends the walk before. */
const longestWalk = 16

/**
 * Judges the peer of a finished handshake.
 * @param peer - the socket, what its `getPeerCertificate(true)` gave, or the DER chain, leaf first
 * @throws {SvidError} why the peer is refused
 */
export function verifyPeer(
  peer: TLSSocket | DetailedPeerCertificate | readonly Uint8Array[],
  { bundles, authorize, clock = systemClock }: PeerRules,
): VerifiedX509Svid {
  const verified = verifyX509Svid(chainOf(peer), bundles, { atMs: clock.wallMs() })
  if (authorize(verified.id)) return verified
  throw refusal('ERR_SVID_NOT_AUTHORIZED', 'ID-4.1', `${verified.id} is not a peer that this side talks to`)
}

function chainOf(peer: TLSSocket | DetailedPeerCertificate | readonly Uint8Array[]): readonly Uint8Array[] {
  if (Array.isArray(peer)) return peer
  // Not getPeerX509Certificate: it takes the signing certificates out of the connection, for everybody after it.
  const leaf = 'getPeerCertificate' in peer ? peer.getPeerCertificate(true) : (peer as DetailedPeerCertificate)
  const chain: Uint8Array[] = []
  const seen = new Set<DetailedPeerCertificate>()
  for (let next = leaf; next?.raw && !seen.has(next) && seen.size < longestWalk; next = next.issuerCertificate) {
    seen.add(next)
    chain.push(next.raw)
  }
  return chain
}
