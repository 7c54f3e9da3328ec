/**
 * Is this chain a peer's valid X509-SVID (X509-SVID.md, section 5)?
 * @module
 */
import type { X509Bundle, X509BundleSource } from '../bundle/x509-bundle.js'
import type { SpiffeId } from '../id/spiffe-id.js'
import { type Certificate, readCertificate } from '../x509/certificate.js'
import { tellKeyUsageNotCritical } from './irregularity.js'
import { refusal } from './refusal.js'
import { type PathLife, validatePath } from './x509-path.js'
import { readSvidChain } from './x509-rules.js'

export interface VerifyX509SvidOptions {
  /** The time to judge by, in ms since the epoch. */
  atMs: number
}

/** What a valid X509-SVID proves, and until when: the life of the whole path. */
export interface VerifiedX509Svid extends PathLife {
  readonly id: SpiffeId
}

/**
 * Verifies a peer's chain against the bundle of its own trust domain, and of no other.
 * @param chain - DER, leaf first, then signing certificates; the authority itself may be left out
 * @throws {SvidError} with the reason as `code` and the broken rule
 * @throws {RangeError} when `atMs` is not a finite number
 */
export function verifyX509Svid(
  chain: readonly Uint8Array[],
  bundles: X509BundleSource,
  { atMs }: VerifyX509SvidOptions,
): VerifiedX509Svid {
  if (!Number.isFinite(atMs)) throw new RangeError(`atMs must be a finite number, got ${atMs}`)
  const { id, certificate, signing } = readSvidChain(chain)
  const bundle = bundles.x509BundleFor(id.trustDomain)
  if (!bundle?.trustDomain.equals(id.trustDomain)) {
    const what = `no X.509 bundle is known for the trust domain ${id.trustDomain}`
    throw refusal('ERR_SVID_UNKNOWN_TRUST_DOMAIN', 'WLA-4.6-a', what)
  }
  const life = validatePath(certificate, signing, authoritiesOf(bundle), atMs)
  if (!certificate.keyUsage?.critical) tellKeyUsageNotCritical(id)
  return { id, ...life }
}

/** Bundles are read far more often than they change. */
const known = new WeakMap<X509Bundle, readonly Certificate[]>()

function authoritiesOf(bundle: X509Bundle): readonly Certificate[] {
  const authorities = known.get(bundle) ?? bundle.authorities.flatMap(readAuthority)
  known.set(bundle, authorities)
  return authorities
}

/** An authority that we cannot read vouches for nobody, and costs the others nothing. */
function readAuthority(der: Uint8Array): Certificate[] {
  try {
    return [readCertificate(der)]
  } catch {
    return []
  }
}
