/**
 * A certificate, with those of its extensions that decide about trust read from their DER (RFC 5280, section 4).
 * `node:crypto` verifies signatures; its text forms of extensions are never used: they have lied before, and
 * Node 20 does not show key usage at all.
 * @module
 */
import { type KeyObject, X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BasicConstraints,
  Certificate as CertificateAsn,
  ExtendedKeyUsage,
  type Extension,
  type GeneralName,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  KeyUsage as KeyUsageAsn,
  NameConstraints,
  SubjectAlternativeName,
} from '@peculiar/asn1-x509'
import { splitDer } from './der.js'
import { type SignatureAlgorithm, signatureAlgorithm } from './signature-algorithm.js'

interface KeyUsage {
  readonly critical: boolean
  readonly digitalSignature: boolean
  readonly keyCertSign: boolean
  readonly crlSign: boolean
}

export interface Certificate {
  readonly der: Uint8Array
  /** For `verify`. */
  readonly x509: X509Certificate
  /** `undefined` when it is of a kind that this Node does not know: such a certificate is readable, not usable. */
  readonly publicKey: KeyObject | undefined
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** DER of the names; two names are the same when their bytes are. */
  readonly subject: Buffer
  readonly issuer: Buffer
  readonly subjectIsEmpty: boolean
  /** All subject alternative names. */
  readonly names: readonly GeneralName[]
  readonly isAuthority: boolean
  readonly pathLength: number | undefined
  readonly keyUsage: KeyUsage | undefined
  /** Object identifiers, `undefined` without the extension. */
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly nameConstraints: NameConstraints | undefined
  /** Object identifiers of critical extensions that we do not understand. */
  readonly unknownCriticalExtensions: readonly string[]
}

/** Certificate policies are understood in so far as every policy is acceptable to us. */
const understood = new Set([
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
])

/**
 * Reads one certificate.
 * @throws an error of any kind when `der` is not exactly one well-formed certificate; callers wrap it
 */
export function readCertificate(der: Uint8Array): Certificate {
  if (splitDer(der).length !== 1) throw new RangeError('not exactly one DER value')
  const x509 = new X509Certificate(der)
  const { tbsCertificate, signatureAlgorithm: algorithm } = AsnConvert.parse(der, CertificateAsn)
  const extensions = byOid(tbsCertificate.extensions ?? [])
  const basicConstraints = read(extensions, id_ce_basicConstraints, BasicConstraints)
  const { notBefore, notAfter } = tbsCertificate.validity
  return {
    der,
    x509,
    publicKey: publicKey(x509),
    signatureAlgorithm: signatureAlgorithm(algorithm),
    notBeforeMs: wholeTime(notBefore.getTime()),
    notAfterMs: wholeTime(notAfter.getTime()),
    subject: Buffer.from(AsnConvert.serialize(tbsCertificate.subject)),
    issuer: Buffer.from(AsnConvert.serialize(tbsCertificate.issuer)),
    subjectIsEmpty: tbsCertificate.subject.length === 0,
    names: [...(read(extensions, id_ce_subjectAltName, SubjectAlternativeName) ?? [])],
    isAuthority: basicConstraints?.cA ?? false,
    pathLength: pathLength(basicConstraints),
    keyUsage: readKeyUsage(extensions),
    extendedKeyUsage: extendedKeyUsage(extensions),
    nameConstraints: read(extensions, id_ce_nameConstraints, NameConstraints),
    unknownCriticalExtensions: [...extensions.values()]
      .filter(({ critical, extnID }) => critical && !understood.has(extnID))
      .map(({ extnID }) => extnID),
  }
}

/** Names fit, byte for byte. */
export function isNamedIssuer(issuer: Certificate, subject: Certificate): boolean {
  return subject.issuer.equals(issuer.subject)
}

/** The signature verifies with the issuer's key. */
export function isSignedBy(subject: Certificate, { publicKey }: Certificate): boolean {
  try {
    return publicKey !== undefined && subject.x509.verify(publicKey)
  } catch {
    return false
  }
}

function publicKey(x509: X509Certificate): KeyObject | undefined {
  try {
    return x509.publicKey
  } catch {
    return undefined
  }
}

type Extensions = ReadonlyMap<string, Extension>

function byOid(extensions: Iterable<Extension>): Extensions {
  const byId = new Map<string, Extension>()
  for (const extension of extensions) {
    // RFC 5280, section 4.2: at most one of each.
    if (byId.has(extension.extnID)) throw new RangeError(`the extension ${extension.extnID} occurs twice`)
    byId.set(extension.extnID, extension)
  }
  return byId
}

function read<T>(extensions: Extensions, oid: string, type: new () => T): T | undefined {
  const extension = extensions.get(oid)
  return extension && AsnConvert.parse(extension.extnValue.buffer, type)
}

function readKeyUsage(extensions: Extensions): KeyUsage | undefined {
  const usage = read(extensions, id_ce_keyUsage, KeyUsageAsn)
  if (!usage) return undefined
  // Bit 0 of a BIT STRING is the highest of its first byte.
  const bits = new Uint8Array(usage.value)[0] ?? 0
  return {
    critical: extensions.get(id_ce_keyUsage)?.critical ?? false,
    digitalSignature: (bits & 0x80) !== 0,
    keyCertSign: (bits & 0x04) !== 0,
    crlSign: (bits & 0x02) !== 0,
  }
}

function extendedKeyUsage(extensions: Extensions): string[] | undefined {
  const usage = read(extensions, id_ce_extKeyUsage, ExtendedKeyUsage)
  return usage && [...usage]
}

function pathLength(basicConstraints: BasicConstraints | undefined): number | undefined {
  const length = basicConstraints?.pathLenConstraint
  if (length !== undefined && !(Number.isSafeInteger(length) && length >= 0))
    throw new RangeError('pathLen is negative')
  return length
}

function wholeTime(time: Date): number {
  const ms = time.getTime()
  if (!Number.isFinite(ms)) throw new RangeError('a validity date cannot be read')
  return ms
}
