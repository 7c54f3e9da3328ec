/**
 * Options for Node's own `tls`, for libraries that take nothing else. Where there is a choice, `connectTls` and
 * `createTlsServer` do more: they follow rotation at each connection and say why a peer was refused.
 * @module
 */
import { constants } from 'node:crypto'
import type { ConnectionOptions, DetailedPeerCertificate, SecureContextOptions, TlsOptions } from 'node:tls'
import { SvidError } from '../errors.js'
import type { TrustDomain } from '../id/trust-domain.js'
import { refusal } from '../svid/refusal.js'
import type { X509Svid, X509SvidSource } from '../svid/x509-svid.js'
import { writePem } from '../x509/pem.js'
import { type PeerRules, verifyPeer } from './peer.js'

/** Both ends of mutual TLS. */
export interface TlsIdentity extends PeerRules {
  /** Our own identity, asked whenever a connection begins. */
  svid: X509SvidSource
}

export interface TlsClientOptions extends TlsIdentity {
  /**
   * The trust domain of the peer: Node wants to know the roots before it knows the peer. Default: our own.
   * Peers of another one are refused.
   */
  trustDomain?: TrustDomain | undefined
}

/** What our side shows, and the protocol it speaks: TLS 1.2 or later, no session tickets. */
export function ownSide(svid: X509Svid): SecureContextOptions {
  return {
    cert: svid.certificatesPem(),
    key: svid.privateKeyPem().expose(),
    minVersion: 'TLSv1.2',
    // A resumed session skips every check of the peer, also that of its end.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}

/**
 * Options for one client connection, with the SVID and the roots of this moment: make them anew for each connection.
 * The host name does not matter (a SPIFFE server has none); Node checks the chain against the roots of one trust
 * domain, then we check the peer by all the rules. Sessions are not resumed; `maxCachedSessions` tells that to
 * `https.Agent` and undici.
 * @throws {SvidError} `ERR_SVID_UNKNOWN_TRUST_DOMAIN` when there are no roots to check by
 * @throws what `svid` throws when it has none
 */
export function tlsClientOptions(options: TlsClientOptions): ConnectionOptions & { maxCachedSessions: 0 } {
  const own = options.svid.x509Svid()
  return {
    ...ownSide(own),
    ca: rootsOf(options, options.trustDomain ?? own.id.trustDomain),
    rejectUnauthorized: true,
    session: undefined,
    maxCachedSessions: 0,
    checkServerIdentity: (_host, certificate) => refusalOf(certificate as DetailedPeerCertificate, options),
  }
}

/**
 * Options for a server whose clients are all of our own trust domain. Node checks their chains; **who** they are is
 * not checked until `verifyPeer(socket, …)` is called on each connection, before anything is read from it. The
 * SVID is the one of this moment: follow rotation with `server.setSecureContext`. `createTlsServer` does both.
 * @throws {SvidError} `ERR_SVID_UNKNOWN_TRUST_DOMAIN` when there are no roots to check by
 * @throws what `svid` throws when it has none
 */
export function tlsServerOptions(options: TlsIdentity): TlsOptions {
  const own = options.svid.x509Svid()
  return {
    ...ownSide(own),
    ca: rootsOf(options, own.id.trustDomain),
    requestCert: true,
    rejectUnauthorized: true,
  }
}

/** An empty list would mean "the usual web authorities" to Node: no bundle must mean nobody. */
function rootsOf({ bundles }: PeerRules, trustDomain: TrustDomain): string[] {
  const authorities = bundles.x509BundleFor(trustDomain)?.authorities ?? []
  if (authorities.length > 0) return authorities.map((der) => writePem('CERTIFICATE', der))
  const what = `no X.509 authority is known for the trust domain ${trustDomain}`
  throw refusal('ERR_SVID_UNKNOWN_TRUST_DOMAIN', 'WLA-4.6-a', what)
}

function refusalOf(certificate: DetailedPeerCertificate, rules: PeerRules): Error | undefined {
  try {
    verifyPeer(certificate, rules)
    return undefined
  } catch (error) {
    if (error instanceof SvidError) return error
    throw error
  }
}
