/**
 * How SPIFFE IDs, bundles and SVIDs fail: each error names the rule that was broken.
 * The README of this package lists the rules by id.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type SpiffeIdErrorCode =
  /** The value is not a string. */
  | 'ERR_SPIFFE_ID_NOT_A_STRING'
  /** It does not begin with `spiffe://`. */
  | 'ERR_SPIFFE_ID_SCHEME'
  /** Scheme or trust domain hold an upper-case letter. */
  | 'ERR_SPIFFE_ID_UPPER_CASE'
  /** The trust domain is missing. */
  | 'ERR_SPIFFE_ID_TRUST_DOMAIN_EMPTY'
  /** The trust domain holds a character outside `[a-z0-9.-_]`. */
  | 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER'
  /** User info or a port in front of or behind the trust domain. */
  | 'ERR_SPIFFE_ID_AUTHORITY'
  /** The trust domain is longer than 255 bytes. */
  | 'ERR_SPIFFE_ID_TRUST_DOMAIN_TOO_LONG'
  /** A query or a fragment, even an empty one. */
  | 'ERR_SPIFFE_ID_QUERY_OR_FRAGMENT'
  /** A percent sign: nothing is ever decoded. */
  | 'ERR_SPIFFE_ID_PERCENT_ENCODING'
  /** A path segment holds a character outside `[a-zA-Z0-9.-_]`. */
  | 'ERR_SPIFFE_ID_PATH_CHARACTER'
  /** An empty, `.` or `..` path segment, or a path that does not begin with `/`. */
  | 'ERR_SPIFFE_ID_PATH_SEGMENT'
  /** The path ends in `/`. */
  | 'ERR_SPIFFE_ID_TRAILING_SLASH'
  /** Longer than we parse (8192), or than one may build (2048 bytes). */
  | 'ERR_SPIFFE_ID_TOO_LONG'

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type BundleErrorCode =
  /** Not the JSON, PEM or DER that it should be. */
  | 'ERR_BUNDLE_MALFORMED'
  /** A name occurs twice in one JSON object. */
  | 'ERR_BUNDLE_DUPLICATE_NAME'
  /** A parameter of the document is missing or has the wrong type. */
  | 'ERR_BUNDLE_PARAMETER'
  /** Larger than we read. */
  | 'ERR_BUNDLE_TOO_LARGE'
  /** Two bundles for one trust domain. */
  | 'ERR_BUNDLE_DUPLICATE_TRUST_DOMAIN'

/** The closed set of verdicts on an SVID: error codes, and the values of metric labels. */
export const svidErrorCodes = [
  /** No SVID was presented at all. */
  'ERR_SVID_MISSING',
  /** Not a certificate, or not a token: it cannot be read. */
  'ERR_SVID_MALFORMED',
  /** The SPIFFE ID is missing, malformed, not alone, or has no path. */
  'ERR_SVID_BAD_ID',
  /** A signing certificate where a workload's is needed. */
  'ERR_SVID_IS_AUTHORITY',
  /** Key usage or extended key usage break the rules. */
  'ERR_SVID_KEY_USAGE',
  /** The private key belongs to another certificate, or cannot be read. */
  'ERR_SVID_KEY_MISMATCH',
  /** An algorithm, a curve or a key size that is not accepted. */
  'ERR_SVID_ALGORITHM',
  /** Past its end (or a certificate above it is). */
  'ERR_SVID_EXPIRED',
  /** Before its beginning (or a certificate above it is). */
  'ERR_SVID_NOT_YET_VALID',
  /** No bundle is known for its trust domain. */
  'ERR_SVID_UNKNOWN_TRUST_DOMAIN',
  /** No key of its trust domain signed it. */
  'ERR_SVID_UNKNOWN_AUTHORITY',
  /** The certificates above the leaf break a rule of path validation. */
  'ERR_SVID_BAD_CHAIN',
  /** The signature does not verify. */
  'ERR_SVID_BAD_SIGNATURE',
  /** A header of the token is missing, malformed or forbidden. */
  'ERR_SVID_BAD_HEADER',
  /** A claim of the token is missing or malformed. */
  'ERR_SVID_BAD_CLAIM',
  /** The token is meant for somebody else. */
  'ERR_SVID_AUDIENCE',
  /** The caller named no audience to expect: its own mistake, never the token's. */
  'ERR_SVID_NO_EXPECTED_AUDIENCE',
  /** A valid SVID of somebody who may not do this. */
  'ERR_SVID_NOT_AUTHORIZED',
] as const

export type SvidErrorCode = (typeof svidErrorCodes)[number]

interface SpiffeErrorOptions {
  /** The rule that was broken, for instance `ID-2.2-b`. */
  rule: string
  /** The next step for the reader. */
  cure: string
  cause?: unknown
}

/** What the three kinds have in common. */
abstract class SpiffeError<Code extends string> extends Error {
  readonly code: Code
  /** Id of the broken rule: group, section and letter, for instance `X509-4.3-c`. */
  readonly rule: string
  /** The next step for whoever reads this at 3 a.m. Like `message`, it never holds a secret. */
  readonly cure: string

  constructor(code: Code, message: string, { rule, cure, cause }: SpiffeErrorOptions) {
    super(message, { cause })
    this.code = code
    this.rule = rule
    this.cure = cure
  }
}

/** Text that is not a SPIFFE ID or trust domain. */
export class SpiffeIdError extends SpiffeError<SpiffeIdErrorCode> {
  override readonly name = 'SpiffeIdError'
}

/** A document or a set of trust bundles that cannot be used. */
export class BundleError extends SpiffeError<BundleErrorCode> {
  override readonly name = 'BundleError'
}

/** An SVID that is refused. Never holds the token or key that it speaks of. */
export class SvidError extends SpiffeError<SvidErrorCode> {
  override readonly name = 'SvidError'
}
