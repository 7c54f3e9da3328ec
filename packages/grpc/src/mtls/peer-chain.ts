/**
 * The other end's X.509-SVID, judged by the bundle of its own trust domain and by the authoriser. TLS itself
 * checks no chain here: its list of roots is one pool, and a pool lets one trust domain vouch for another.
 * @module
 */
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import {
  type Authorizer,
  type SpiffeId,
  verifyX509Svid,
  type X509Bundle,
  type X509BundleSource,
} from '@chaveiro/spiffe'
import { GrpcAuthError } from '../errors.js'

/** How peers are judged. */
export interface PeerRules {
  /** Authorities by trust domain; a peer is checked with those of its own trust domain only. */
  bundles: X509BundleSource
  /** Which verified peers are talked to. */
  authorize: Authorizer
}

/** What the peer of a connection presented, and when it holds. */
export interface PeerChain {
  readonly id: SpiffeId
  readonly notAfterMs: number
  /**
   * Judges the peer anew: its lifetime, the bundle as it is now, the authoriser.
   * @throws SvidError, or {@link GrpcAuthError} `ERR_GRPC_PEER_REFUSED`
   */
  check(atMs: number): void
}

/**
 * The peer's certificates, leaf first. Not by `getPeerX509Certificate()`: on the calling side Node 20 takes the leaf
 * out of the connection with it, and whoever asks next finds none.
 * @throws {GrpcAuthError} `ERR_GRPC_PEER_WITHOUT_CERTIFICATE`
 */
function presentedChain(socket: TLSSocket): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = []
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  // Without a certificate Node gives an empty object; one that signed itself is its own issuer.
  while (next?.raw && !chain.includes(next)) {
    chain.push(next)
    next = next.issuerCertificate
  }
  if (chain.length > 0) return chain
  throw new GrpcAuthError('ERR_GRPC_PEER_WITHOUT_CERTIFICATE', 'the peer presented no certificate', {
    cure: 'Connect with an X.509-SVID: spiffeChannelCredentials() or any SPIFFE-aware TLS.',
  })
}

/**
 * Judges the peer of a finished handshake.
 * @throws SvidError, or {@link GrpcAuthError}
 */
export function verifyPeer(socket: TLSSocket, { bundles, authorize }: PeerRules, atMs: number): PeerChain {
  const certificates = presentedChain(socket)
  const chain = certificates.map(({ raw }) => raw)
  const notBeforeMs = Math.max(...certificates.map(({ valid_from }) => Date.parse(valid_from)))
  const notAfterMs = Math.min(...certificates.map(({ valid_to }) => Date.parse(valid_to)))
  const { id } = verifyX509Svid(chain, bundles, { atMs })
  let verifiedBy: X509Bundle | undefined = bundles.x509BundleFor(id.trustDomain)
  const check = (nowMs: number): void => {
    const bundle = bundles.x509BundleFor(id.trustDomain)
    // Signatures are checked again only when the bundle is another one: this runs on every call.
    if (bundle === undefined || bundle !== verifiedBy || nowMs < notBeforeMs || nowMs > notAfterMs) {
      verifyX509Svid(chain, bundles, { atMs: nowMs })
      verifiedBy = bundle
    }
    if (authorize(id)) return
    throw new GrpcAuthError('ERR_GRPC_PEER_REFUSED', `${id} is not a peer that this side talks to`, {
      cure: 'Add it to the authoriser, or find out why that workload answers or calls here.',
    })
  }
  check(atMs)
  return { id, notAfterMs, check }
}
