/**
 * Bundles of several trust domains, each used for its own SVIDs only (FED-4.2-b): nothing yields all keys together.
 * @module
 */
import { createHash } from 'node:crypto'
import { BundleError } from '../errors.js'
import type { TrustDomain } from '../id/trust-domain.js'
import type { JwtBundle, JwtBundleSource } from './jwt-bundle.js'
import { SpiffeBundle } from './spiffe-bundle.js'
import { X509Bundle, type X509BundleSource } from './x509-bundle.js'

/** A certificate that vouches for more than one trust domain: BND-6.2-a advises against it. */
export interface SharedAuthority {
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string
  readonly trustDomains: readonly TrustDomain[]
}

/** Bundles by trust domain. */
export class BundleSet implements X509BundleSource, JwtBundleSource {
  readonly #x509 = new Map<string, X509Bundle>()
  readonly #jwt = new Map<string, JwtBundle>()

  constructor(bundles: Iterable<X509Bundle | JwtBundle | SpiffeBundle> = []) {
    for (const bundle of bundles) this.add(bundle)
  }

  /**
   * Adds the bundle of a trust domain that has none of this kind yet.
   * @throws {BundleError} when it has one: bundles are replaced whole, never merged
   */
  add(bundle: X509Bundle | JwtBundle | SpiffeBundle): this {
    if (bundle instanceof SpiffeBundle) return this.add(bundle.x509).add(bundle.jwt)
    if (bundle instanceof X509Bundle) addOnce(this.#x509, bundle)
    else addOnce(this.#jwt, bundle)
    return this
  }

  x509BundleFor(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.#x509.get(trustDomain.name)
  }

  jwtBundleFor(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.#jwt.get(trustDomain.name)
  }

  /** Authorities that stand in the bundles of several trust domains, to be warned about. */
  sharedAuthorities(): SharedAuthority[] {
    const holders = new Map<string, TrustDomain[]>()
    for (const { trustDomain, authorities } of this.#x509.values()) {
      for (const der of authorities) {
        const fingerprint = createHash('sha256').update(der).digest('hex')
        holders.set(fingerprint, [...(holders.get(fingerprint) ?? []), trustDomain])
      }
    }
    return [...holders]
      .filter(([, trustDomains]) => trustDomains.length > 1)
      .map(([fingerprint, trustDomains]) => ({ fingerprint, trustDomains }))
  }
}

function addOnce<B extends X509Bundle | JwtBundle>(bundles: Map<string, B>, bundle: B): void {
  const { name } = bundle.trustDomain
  if (bundles.has(name)) {
    throw new BundleError('ERR_BUNDLE_DUPLICATE_TRUST_DOMAIN', `a second bundle of ${name} for the same kind of SVID`, {
      rule: 'BND-5.1.1-a',
      cure: 'Put all keys of the trust domain in one bundle.',
    })
  }
  bundles.set(name, bundle)
}
