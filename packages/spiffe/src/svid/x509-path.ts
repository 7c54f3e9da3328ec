/**
 * Path validation (RFC 5280, section 6) from an SVID through signing certificates to a trust domain's authority.
 * Node validates chains inside TLS only, against its own clock and one pool of roots; this one takes both as
 * arguments. Signatures are verified by `node:crypto`.
 * @module
 */
import { SvidError } from '../errors.js'
import { type Certificate, isNamedIssuer, isSignedBy } from '../x509/certificate.js'
import { nameConstraintBroken } from '../x509/name-constraints.js'
import { refusal } from './refusal.js'
import { checkKeyStrength, checkSignatureStrength, checkSigning } from './x509-rules.js'

/** Bounds the work that cross-signed or looping certificates can cause. */
const mostSignatureChecks = 100
const rule = 'X509-5.1-a'

interface Search {
  readonly signing: readonly Certificate[]
  readonly authorities: readonly Certificate[]
  readonly atMs: number
  signatureChecks: number
  /** Why the first path failed whose signatures are right. */
  failure: SvidError | undefined
  /** Why the first path failed whose names fit. */
  signatureFailure: SvidError | undefined
}

/** When a path that was found holds, in ms since the epoch: as long as each of its certificates, authority included. */
export interface PathLife {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/**
 * Finds one valid path, trying each possible issuer.
 * @param signing - certificates that the peer sent after its leaf, in any order
 * @param authorities - the bundle of the leaf's own trust domain, of no other
 * @throws {SvidError} why the most promising path fails
 */
export function validatePath(
  leaf: Certificate,
  signing: readonly Certificate[],
  authorities: readonly Certificate[],
  atMs: number,
): PathLife {
  checkValidity(leaf, atMs, 'the certificate')
  const search: Search = {
    signing,
    authorities,
    atMs,
    signatureChecks: 0,
    failure: undefined,
    signatureFailure: undefined,
  }
  const path = extend([leaf], search)
  if (path) return lifeOf(path)
  throw (
    search.failure ??
    search.signatureFailure ??
    refusal('ERR_SVID_UNKNOWN_AUTHORITY', rule, 'no authority of the trust domain signed the certificate')
  )
}

/** Tries every issuer of the last certificate of `path`; the whole path when an authority was reached. */
function extend(path: readonly Certificate[], search: Search): readonly Certificate[] | undefined {
  const authority = search.authorities.find((issuer) => isIssuer(path, issuer, search, 'authority'))
  if (authority) return [...path, authority]
  for (const issuer of search.signing) {
    const loops = path.some(({ der }) => Buffer.from(der).equals(issuer.der))
    if (loops || !isIssuer(path, issuer, search, 'intermediate')) continue
    const whole = extend([...path, issuer], search)
    if (whole) return whole
  }
  return undefined
}

function isIssuer(
  path: readonly Certificate[],
  issuer: Certificate,
  search: Search,
  kind: 'authority' | 'intermediate',
): boolean {
  const subject = path.at(-1)
  if (!subject || !isNamedIssuer(issuer, subject)) return false
  try {
    if (!signatureFits(subject, issuer, search)) return false
    checkSigning(issuer)
    checkKeyStrength(issuer, `an ${kind}`)
    // The signature on an authority's own certificate proves nothing: the bundle does.
    if (kind === 'intermediate') checkSignatureStrength(issuer, `an ${kind}`)
    checkValidity(issuer, search.atMs, `an ${kind}`)
    checkPathLength(path, issuer)
    checkNames(path, issuer)
    return true
  } catch (error) {
    if (!(error instanceof SvidError)) throw error
    search.failure ??= error
    return false
  }
}

function signatureFits(subject: Certificate, issuer: Certificate, search: Search): boolean {
  search.signatureChecks += 1
  if (search.signatureChecks > mostSignatureChecks) {
    throw refusal('ERR_SVID_BAD_CHAIN', rule, `more than ${mostSignatureChecks} signatures to check`)
  }
  if (isSignedBy(subject, issuer)) return true
  search.signatureFailure ??= refusal(
    'ERR_SVID_BAD_SIGNATURE',
    rule,
    'the signature does not verify with the key of the issuer that the certificate names',
  )
  return false
}

function checkValidity({ notBeforeMs, notAfterMs }: Certificate, atMs: number, what: string) {
  if (atMs > notAfterMs) throw refusal('ERR_SVID_EXPIRED', rule, `${what} ended at ${isoTime(notAfterMs)}`)
  if (atMs < notBeforeMs) throw refusal('ERR_SVID_NOT_YET_VALID', rule, `${what} begins at ${isoTime(notBeforeMs)}`)
}

function checkPathLength([, ...between]: readonly Certificate[], { pathLength }: Certificate): void {
  const counted = between.filter(({ subject, issuer }) => !subject.equals(issuer)).length
  if (pathLength === undefined || counted <= pathLength) return
  throw refusal('ERR_SVID_BAD_CHAIN', 'X509-4.1-a', `${counted} certificates below one that allows ${pathLength}`)
}

function checkNames(path: readonly Certificate[], { nameConstraints }: Certificate): void {
  if (!nameConstraints) return
  for (const [index, certificate] of path.entries()) {
    // RFC 5280, section 6.1.3 (b): self-issued intermediates are exempt, the leaf never.
    if (index > 0 && certificate.subject.equals(certificate.issuer)) continue
    const broken = nameConstraintBroken(nameConstraints, certificate)
    if (broken) throw refusal('ERR_SVID_BAD_CHAIN', 'X509-4.2-a', broken)
  }
}

function lifeOf(path: readonly Certificate[]): PathLife {
  return {
    notBeforeMs: Math.max(...path.map(({ notBeforeMs }) => notBeforeMs)),
    notAfterMs: Math.min(...path.map(({ notAfterMs }) => notAfterMs)),
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
