/**
 * The SPIFFE bundle: a JWK set with the authorities of one trust domain for both kinds of SVID
 * (SPIFFE_Trust_Domain_and_Bundle.md, section 4).
 * @module
 */
import { X509Certificate } from 'node:crypto'
import type { TrustDomain } from '../id/trust-domain.js'
import { publicJwk, x509Authority } from './jwk.js'
import { badBundle, type JwksDocument, jwksOf, readJwks } from './jwks.js'
import { JwtBundle, type JwtBundleSource } from './jwt-bundle.js'
import type { JsonObject } from './strict-json.js'
import { X509Bundle, type X509BundleSource } from './x509-bundle.js'

/** The parts of a {@link SpiffeBundle}. */
export interface SpiffeBundleParts {
  readonly x509: X509Bundle
  readonly jwt: JwtBundle
  /** `spiffe_sequence`: grows with every change. */
  readonly sequence?: bigint | undefined
  /** `spiffe_refresh_hint` in seconds. */
  readonly refreshHintSeconds?: number | undefined
  /** Entries of the document that were not used. */
  readonly ignoredKeys?: number | undefined
}

/** What a trust domain publishes about itself. It may be empty: then none of its SVIDs is trusted (BND-4.1.3-c). */
export class SpiffeBundle implements X509BundleSource, JwtBundleSource {
  readonly trustDomain: TrustDomain
  readonly x509: X509Bundle
  readonly jwt: JwtBundle
  /** Grows with every change of the content. All its digits are kept. */
  readonly sequence: bigint | undefined
  /** How often to look for a new bundle, in seconds; `undefined` when unset, zero or negative (default then: 5 min). */
  readonly refreshHintSeconds: number | undefined
  /** Entries that were not used: of another or no `use`, of an unknown kind, or malformed. */
  readonly ignoredKeys: number

  private constructor({ x509, jwt, sequence, refreshHintSeconds, ignoredKeys = 0 }: SpiffeBundleParts) {
    this.trustDomain = x509.trustDomain
    this.x509 = x509
    this.jwt = jwt
    this.sequence = sequence
    this.refreshHintSeconds = refreshHintSeconds
    this.ignoredKeys = ignoredKeys
  }

  /** @throws {BundleError} when the two bundles belong to different trust domains */
  static of(parts: SpiffeBundleParts): SpiffeBundle {
    if (!parts.x509.trustDomain.equals(parts.jwt.trustDomain)) {
      throw badBundle('ERR_BUNDLE_PARAMETER', 'BND-3-a', 'the two bundles belong to different trust domains')
    }
    return new SpiffeBundle(parts)
  }

  /**
   * @param trustDomain - whose bundle it is: the document does not say (BND-3-a)
   * @throws {BundleError} when the document is malformed; entries that cannot be used are counted instead
   */
  static parse(trustDomain: TrustDomain, json: string | Uint8Array): SpiffeBundle {
    return SpiffeBundle.#fromDocument(trustDomain, readJwks(trustDomain, json))
  }

  /**
   * The same out of JSON that has been parsed already, with exact integers.
   * @throws {BundleError}
   */
  static fromJson(trustDomain: TrustDomain, document: JsonObject): SpiffeBundle {
    return SpiffeBundle.#fromDocument(trustDomain, jwksOf(trustDomain, document))
  }

  static #fromDocument(trustDomain: TrustDomain, { document, keys, strangeEntries }: JwksDocument): SpiffeBundle {
    const withUse = (use: string): JsonObject[] => keys.filter((entry) => entry.use === use)
    const certificates = withUse('x509-svid').map(x509Authority)
    const usable = certificates.flatMap((der) => der ?? [])
    const jwt = JwtBundle.fromEntries(trustDomain, withUse('jwt-svid'))
    const ofOtherUse = keys.length - certificates.length - withUse('jwt-svid').length
    return new SpiffeBundle({
      x509: X509Bundle.of(trustDomain, usable),
      jwt,
      sequence: readSequence(trustDomain, document),
      refreshHintSeconds: readRefreshHint(trustDomain, document),
      ignoredKeys: strangeEntries + ofOtherUse + certificates.length - usable.length + jwt.ignoredKeys,
    })
  }

  /** Writes kty, use, key and kid or x5c, and nothing else (BND-4.2-a). `SpiffeBundle.parse` reads it back. */
  toJson(): string {
    const document = { keys: [...this.#x509Entries(), ...this.#jwtEntries()], ...this.#refreshHint() }
    const json = JSON.stringify(document)
    // JSON.stringify knows no bigint.
    return this.sequence === undefined ? json : `${json.slice(0, -1)},"spiffe_sequence":${this.sequence}}`
  }

  x509BundleFor(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.x509.x509BundleFor(trustDomain)
  }

  jwtBundleFor(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.jwt.jwtBundleFor(trustDomain)
  }

  #x509Entries(): JsonObject[] {
    return this.x509.authorities.map((der) => ({
      use: 'x509-svid',
      ...publicJwk(new X509Certificate(der).publicKey),
      x5c: [Buffer.from(der).toString('base64')],
    }))
  }

  #jwtEntries(): JsonObject[] {
    return this.jwt.authorities.map((authority) => ({
      use: 'jwt-svid',
      kid: authority.keyId,
      ...publicJwk(authority.publicKey),
    }))
  }

  #refreshHint(): JsonObject {
    return this.refreshHintSeconds === undefined ? {} : { spiffe_refresh_hint: this.refreshHintSeconds }
  }
}

function readSequence(trustDomain: TrustDomain, { spiffe_sequence: value }: JsonObject): bigint | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'bigint') return value
  if (Number.isSafeInteger(value)) return BigInt(value as number)
  throw notAnInteger(trustDomain, 'spiffe_sequence', 'BND-4.1.1-a')
}

function readRefreshHint(trustDomain: TrustDomain, { spiffe_refresh_hint: value }: JsonObject): number | undefined {
  if (value === undefined || value === null) return undefined
  // Beyond 2^53 seconds nobody waits: any such number serves.
  if (typeof value === 'bigint') return value > 0n ? Number.MAX_SAFE_INTEGER : undefined
  if (!Number.isSafeInteger(value)) throw notAnInteger(trustDomain, 'spiffe_refresh_hint', 'BND-4.1.2-a')
  return (value as number) > 0 ? (value as number) : undefined
}

function notAnInteger(trustDomain: TrustDomain, parameter: string, rule: string) {
  return badBundle('ERR_BUNDLE_PARAMETER', rule, `${parameter} in the bundle of ${trustDomain} is no integer`)
}
