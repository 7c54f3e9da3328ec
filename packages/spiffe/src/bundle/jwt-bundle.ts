/**
 * The JWT authorities of one trust domain. For JWTs only: an X.509 bundle is another type (WLA-6.2.2-a).
 * @module
 */
import type { TrustDomain } from '../id/trust-domain.js'
import { type JwtAuthority, jwtAuthority } from './jwk.js'
import { readJwks } from './jwks.js'
import type { JsonObject } from './strict-json.js'

/** Where the verifier of a JWT-SVID finds the bundle: by trust domain, never all of them at once. */
export interface JwtBundleSource {
  /** The bundle of that trust domain, `undefined` when there is none: its tokens are then refused. */
  jwtBundleFor(trustDomain: TrustDomain): JwtBundle | undefined
}

/** Uses that exclude a key from a plain JWK set, in which SPIRE leaves `use` out. */
const otherUses: readonly unknown[] = ['x509-svid', 'wit-svid', 'enc']

/** The keys that sign the JWT-SVIDs of a trust domain. Without any, all of those are refused. */
export class JwtBundle implements JwtBundleSource {
  readonly trustDomain: TrustDomain
  /** Entries of the document that were not used: unknown, malformed, private, without `kid`, or repeated. */
  readonly ignoredKeys: number
  readonly #authorities: ReadonlyMap<string, JwtAuthority>

  private constructor(trustDomain: TrustDomain, authorities: readonly JwtAuthority[], ignoredKeys: number) {
    this.trustDomain = trustDomain
    const byKeyId = new Map<string, JwtAuthority>()
    // The first of a repeated key id counts.
    for (const authority of authorities) if (!byKeyId.has(authority.keyId)) byKeyId.set(authority.keyId, authority)
    this.#authorities = byKeyId
    this.ignoredKeys = ignoredKeys + authorities.length - this.#authorities.size
  }

  /**
   * A plain JWK set, as the Workload API sends it. Entries need no `use`; only those of another use are left out.
   * An empty text means "no keys", as older agents send it.
   * @throws {BundleError} when the document is malformed; entries that cannot be used are counted instead
   */
  static fromJwks(trustDomain: TrustDomain, json: string | Uint8Array): JwtBundle {
    if (json.length === 0) return new JwtBundle(trustDomain, [], 0)
    const { keys, strangeEntries } = readJwks(trustDomain, json)
    const candidates = keys.filter((entry) => !otherUses.includes(entry.use))
    return JwtBundle.fromEntries(trustDomain, candidates, keys.length + strangeEntries)
  }

  /**
   * Entries that are known to be for JWT-SVIDs.
   * @param total - entries of the whole document, to count the ignored ones; default: as many as given
   */
  static fromEntries(trustDomain: TrustDomain, entries: readonly JsonObject[], total = entries.length): JwtBundle {
    const authorities = entries.flatMap((entry) => jwtAuthority(entry) ?? [])
    return new JwtBundle(trustDomain, authorities, total - authorities.length)
  }

  /** The authority with that key id. */
  key(keyId: string): JwtAuthority | undefined {
    return this.#authorities.get(keyId)
  }

  get keyIds(): readonly string[] {
    return [...this.#authorities.keys()]
  }

  get authorities(): readonly JwtAuthority[] {
    return [...this.#authorities.values()]
  }

  jwtBundleFor(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.trustDomain.equals(trustDomain) ? this : undefined
  }
}
