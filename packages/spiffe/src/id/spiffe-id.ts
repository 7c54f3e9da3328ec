/**
 * The SPIFFE ID (SPIFFE-ID.md, section 2).
 * @module
 */
import { broken, checkPath, longestBuiltId, readable, scheme, splitId } from './syntax.js'
import { TrustDomain } from './trust-domain.js'

/** A well-formed SPIFFE ID. Compare with {@link SpiffeId.equals}, not with `===`. */
export class SpiffeId {
  readonly trustDomain: TrustDomain
  /** Empty, or `/` and segments: `/ns/core/sa/registry`. */
  readonly path: string

  private constructor(trustDomain: TrustDomain, path: string) {
    this.trustDomain = trustDomain
    this.path = path
  }

  /**
   * Reads a SPIFFE ID. It must be right to the letter: nothing is decoded, resolved or lower-cased.
   * @throws {SpiffeIdError} with the rule that the text breaks
   */
  static parse(text: string): SpiffeId {
    const { trustDomain, path } = splitId(text)
    return new SpiffeId(TrustDomain.parse(trustDomain), path)
  }

  /**
   * Builds a SPIFFE ID out of its parts.
   * @param path - empty, or `/` and segments
   * @throws {SpiffeIdError} when the path is malformed, or the whole would be longer than 2048 bytes (ID-2.3-b)
   */
  static of(trustDomain: TrustDomain, path: string): SpiffeId {
    checkPath(readable(path))
    const length = scheme.length + trustDomain.name.length + path.length
    if (length > longestBuiltId) {
      throw broken('ERR_SPIFFE_ID_TOO_LONG', 'ID-2.3-b', `it would have ${length} bytes, more than ${longestBuiltId}`)
    }
    return new SpiffeId(trustDomain, path)
  }

  /** Is it one of that trust domain's? */
  memberOf(trustDomain: TrustDomain): boolean {
    return this.trustDomain.equals(trustDomain)
  }

  equals(other: SpiffeId): boolean {
    return this.memberOf(other.trustDomain) && this.path === other.path
  }

  /** `spiffe://example.org/ns/core/sa/registry` */
  toString(): string {
    return this.trustDomain.id + this.path
  }

  toJSON(): string {
    return this.toString()
  }
}
