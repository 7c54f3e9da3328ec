/**
 * Trust bundles as the Workload API sends them: one for each trust domain. There is no way to get the roots of
 * several trust domains in one list, for no verifier may mix them (SPIFFE_Federation.md, section 4.2).
 * @module
 */
import { JwtBundle, type JwtBundleSource } from '../bundle/jwt-bundle.js'
import { X509Bundle, type X509BundleSource } from '../bundle/x509-bundle.js'
import { TrustDomain } from '../id/trust-domain.js'
import { badMessage } from './errors.js'

/** Field of a message: trust domain (its ID, or its bare name) to bundle. */
type BundleField = Readonly<Record<string, Uint8Array>>

interface Held<B> {
  readonly trustDomain: TrustDomain
  readonly bundle: B
  readonly bytes: Uint8Array
}

/** Whole, as one message brought them: what is not in it is not trusted any more. */
abstract class TrustBundles<B> {
  readonly #byName: ReadonlyMap<string, Held<B>>

  protected constructor(held: Iterable<Held<B>>) {
    this.#byName = new Map(Array.from(held, (each) => [each.trustDomain.name, each]))
  }

  get trustDomains(): readonly TrustDomain[] {
    return Array.from(this.#byName.values(), ({ trustDomain }) => trustDomain)
  }

  /** Whether both came from the same bytes. */
  equals(other: TrustBundles<B>): boolean {
    if (this.#byName.size !== other.#byName.size) return false
    for (const [name, { bytes }] of this.#byName) {
      const theirs = other.#byName.get(name)?.bytes
      if (!theirs || Buffer.compare(bytes, theirs) !== 0) return false
    }
    return true
  }

  protected of(trustDomain: TrustDomain): B | undefined {
    return this.#byName.get(trustDomain.name)?.bundle
  }
}

/** For X.509-SVIDs only. */
export class X509TrustBundles extends TrustBundles<X509Bundle> implements X509BundleSource {
  /**
   * Concatenated DER certificates, by the name of the field they stand in; of one trust domain the last counts.
   * @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_MESSAGE`
   */
  static read(fields: Readonly<Record<string, BundleField>>): X509TrustBundles {
    const parse = (trustDomain: TrustDomain, der: Uint8Array): X509Bundle => X509Bundle.fromDer(trustDomain, der)
    return new X509TrustBundles(Object.entries(fields).flatMap(([field, map]) => read(map, field, parse)))
  }

  x509BundleFor(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.of(trustDomain)
  }
}

/** For JWT-SVIDs only. */
export class JwtTrustBundles extends TrustBundles<JwtBundle> implements JwtBundleSource {
  /**
   * Plain JWK sets: their keys bear no use. An empty value means that the trust domain has no JWT keys.
   * @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_MESSAGE`
   */
  static read(fields: Readonly<Record<string, BundleField>>): JwtTrustBundles {
    const parse = (trustDomain: TrustDomain, json: Uint8Array): JwtBundle => JwtBundle.fromJwks(trustDomain, json)
    return new JwtTrustBundles(Object.entries(fields).flatMap(([field, map]) => read(map, field, parse)))
  }

  jwtBundleFor(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.of(trustDomain)
  }
}

function read<B>(map: BundleField, field: string, parse: (td: TrustDomain, bytes: Uint8Array) => B): Held<B>[] {
  return Object.entries(map).map(([key, bytes]) => {
    try {
      const trustDomain = TrustDomain.parse(key)
      return { trustDomain, bundle: parse(trustDomain, bytes), bytes }
    } catch (cause) {
      throw badMessage(`${field}[${JSON.stringify(key.slice(0, 300))}]`, 'is malformed', cause)
    }
  })
}
