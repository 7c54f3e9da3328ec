/**
 * The JWT-SVID: a compact token and what it says (JWT-SVID.md, sections 2 and 3).
 * @module
 */
import { inspect } from 'node:util'
import { Secret } from '@chaveiro/rotation'
import type { JwsAlgorithm } from '../bundle/jws-algorithm.js'
import type { SpiffeId } from '../id/spiffe-id.js'
import { splitCompactJws } from './compact-jws.js'
import { checkJoseHeader } from './jose-header.js'
import { readJwtClaims } from './jwt-claims.js'
import { refusal } from './refusal.js'

/** Where a caller finds tokens to present. */
export interface JwtSvidSource {
  /**
   * A token for that audience which is still valid.
   * @param options.subject - which of our identities; default: the first
   */
  fetchJwtSvid(options: { audience: string; subject?: SpiffeId; signal?: AbortSignal }): Promise<JwtSvid>
}

export interface ParseJwtSvidOptions {
  /** Audiences that the token must hold, all of them. Default: none is demanded. */
  audience?: readonly string[] | undefined
  /** What the Workload API calls this SVID, when a workload has several. */
  hint?: string | undefined
  /** Refuse a token without `kid`? Default true. */
  keyIdRequired?: boolean | undefined
}

/** A token that is well-formed by the rules. Its text is a {@link Secret}; `inspect` and JSON show what it says. */
export class JwtSvid {
  /** The subject. */
  readonly id: SpiffeId
  readonly audience: readonly string[]
  /** `exp` in ms since the epoch. */
  readonly expiresAtMs: number
  /** `iat` in ms since the epoch, when the token has one. */
  readonly issuedAtMs: number | undefined
  /** `nbf` in ms since the epoch, when the token has one. */
  readonly notBeforeMs: number | undefined
  /** All claims as they came, apart from the identity (ID-4.1). */
  readonly claims: Readonly<Record<string, unknown>>
  /** The compact serialisation: the only one there is (JWT-5.1-a). */
  readonly token: Secret
  readonly hint: string | undefined
  /** Header `alg`. */
  readonly algorithm: JwsAlgorithm
  /** Header `kid`. */
  readonly keyId: string | undefined

  private constructor(token: string, { keyIdRequired = true, hint }: ParseJwtSvidOptions) {
    const { header, payload } = splitCompactJws(token)
    const { algorithm, keyId } = checkJoseHeader(header, keyIdRequired)
    const claims = readJwtClaims(payload)
    this.algorithm = algorithm
    this.keyId = keyId
    this.id = claims.subject
    this.audience = claims.audience
    this.expiresAtMs = claims.expiresAtMs
    this.issuedAtMs = claims.issuedAtMs
    this.notBeforeMs = claims.notBeforeMs
    this.claims = claims.all
    this.token = new Secret(token)
    this.hint = hint === '' ? undefined : hint
  }

  /**
   * Reads a token whose signature somebody else vouches for: one that the Workload API issued or validated for us.
   * Headers and claims are held to the rules; signature and time are not looked at.
   * @throws {SvidError} with the rule that the token breaks
   */
  static parseUnverified(token: string, options: ParseJwtSvidOptions = {}): JwtSvid {
    const svid = new JwtSvid(token, options)
    if (!(options.audience ?? []).every((wanted) => svid.audience.includes(wanted))) {
      throw refusal('ERR_SVID_AUDIENCE', 'WLA-6.2.1-b', 'the token does not hold every audience that was asked for')
    }
    return svid
  }

  toJSON(): object {
    const { id, audience, expiresAtMs, issuedAtMs, hint } = this
    return { id: id.toString(), audience, expiresAtMs, issuedAtMs, hint }
  }

  [inspect.custom](): string {
    return `JwtSvid { ${this.id} for ${this.audience.join(', ')}, until ${new Date(this.expiresAtMs).toISOString()} }`
  }
}
