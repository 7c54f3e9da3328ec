/**
 * The trust domain: the part of a SPIFFE ID whose keys vouch for it (SPIFFE-ID.md, section 2.1).
 * @module
 */
import { checkTrustDomain, readable, scheme, splitId } from './syntax.js'

/** A well-formed trust domain. Compare with {@link TrustDomain.equals}, not with `===`. */
export class TrustDomain {
  /** For instance `example.org`: at most 255 characters out of `a-z`, `0-9`, `.`, `-` and `_`. */
  readonly name: string

  private constructor(name: string) {
    this.name = name
  }

  /**
   * Reads `example.org`, `spiffe://example.org`, or the trust domain of a longer SPIFFE ID.
   * @throws {SpiffeIdError} with the rule that the text breaks
   */
  static parse(nameOrId: string): TrustDomain {
    const text = readable(nameOrId)
    if (text.includes(':/')) return new TrustDomain(splitId(text).trustDomain)
    checkTrustDomain(text)
    return new TrustDomain(text)
  }

  /** The trust domain as a SPIFFE ID: `spiffe://example.org`. */
  get id(): string {
    return scheme + this.name
  }

  equals(other: TrustDomain): boolean {
    return this.name === other.name
  }

  /** The bare name. */
  toString(): string {
    return this.name
  }

  toJSON(): string {
    return this.name
  }
}
