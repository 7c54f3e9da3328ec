/**
 * What X509-SVID.md asks of a certificate on its own, whoever signed it.
 * The same rules judge a peer's SVID and our own.
 * @module
 */
import { SpiffeIdError, type SvidErrorCode } from '../errors.js'
import { SpiffeId } from '../id/spiffe-id.js'
import { type Certificate, readCertificate } from '../x509/certificate.js'
import { weaknessOf } from '../x509/signature-algorithm.js'
import { refusal } from './refusal.js'

/** Longer chains are refused unread. */
const longestChain = 10
const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'

/** A leaf certificate that is an X509-SVID by its content. */
interface X509SvidLeaf {
  readonly id: SpiffeId
  readonly certificate: Certificate
  readonly signing: readonly Certificate[]
}

/**
 * Reads a chain, leaf first, and holds the leaf to the rules.
 * @throws {SvidError}
 */
export function readSvidChain(chain: readonly Uint8Array[]): X509SvidLeaf {
  if (chain.length === 0) throw refusal('ERR_SVID_MISSING', 'X509-5.1-a', 'no certificate was presented')
  if (chain.length > longestChain) {
    throw refusal('ERR_SVID_BAD_CHAIN', 'X509-5.1-a', `${chain.length} certificates, at most ${longestChain} are read`)
  }
  const [certificate, ...signing] = chain.map(readOrRefuse) as [Certificate, ...Certificate[]]
  return { id: checkLeaf(certificate), certificate, signing }
}

function readOrRefuse(der: Uint8Array, index: number): Certificate {
  try {
    return readCertificate(der)
  } catch (cause) {
    throw refusal('ERR_SVID_MALFORMED', 'X509-5.1-a', `certificate ${index} of the chain cannot be read`, cause)
  }
}

function checkLeaf(leaf: Certificate): SpiffeId {
  checkIsNoAuthority(leaf)
  checkExtensions(leaf, 'the certificate')
  const [uri, ...more] = urisOf(leaf)
  if (uri === undefined) throw refusal('ERR_SVID_BAD_ID', 'X509-2-a', 'the certificate holds no URI name')
  if (more.length > 0) {
    throw refusal('ERR_SVID_BAD_ID', 'X509-2-a', `the certificate holds ${more.length + 1} URI names instead of one`)
  }
  const id = parseId(uri, 'the certificate')
  if (id.path === '') throw refusal('ERR_SVID_BAD_ID', 'X509-3.1-a', `the SPIFFE ID ${id} of a workload has no path`)
  checkLeafUsage(leaf)
  checkKeyStrength(leaf, 'the certificate')
  checkSignatureStrength(leaf, 'the certificate')
  return id
}

function checkIsNoAuthority(leaf: Certificate): void {
  if (leaf.isAuthority) {
    throw refusal('ERR_SVID_IS_AUTHORITY', 'X509-3.2-c', 'the certificate is a certificate authority (cA is true)')
  }
  const forbidden = leaf.keyUsage?.keyCertSign ? 'keyCertSign' : leaf.keyUsage?.crlSign ? 'cRLSign' : undefined
  if (forbidden) {
    throw refusal('ERR_SVID_IS_AUTHORITY', 'X509-4.3-c', `the key usage ${forbidden} is for authorities only`)
  }
}

function checkLeafUsage({ keyUsage, extendedKeyUsage }: Certificate): void {
  const code: SvidErrorCode = 'ERR_SVID_KEY_USAGE'
  if (!keyUsage) throw refusal(code, 'X509-4.3-a', 'the certificate has no key usage extension')
  if (!keyUsage.digitalSignature) throw refusal(code, 'X509-4.3-c', 'the key usage digitalSignature is missing')
  if (!extendedKeyUsage) return
  const missing = !extendedKeyUsage.includes(serverAuth)
    ? 'serverAuth'
    : !extendedKeyUsage.includes(clientAuth)
      ? 'clientAuth'
      : undefined
  if (missing) throw refusal(code, 'X509-4.4-a', `the extended key usage lacks ${missing}`)
}

/**
 * Holds a certificate that signs others to the rules, trust anchors included.
 * @throws {SvidError}
 */
export function checkSigning(certificate: Certificate): void {
  const code: SvidErrorCode = 'ERR_SVID_BAD_CHAIN'
  checkExtensions(certificate, 'a signing certificate')
  if (!certificate.isAuthority) {
    throw refusal(code, 'X509-4.1-a', 'a certificate in the chain signs although it is no authority (cA is not true)')
  }
  if (!certificate.keyUsage) throw refusal(code, 'X509-4.3-a', 'a signing certificate has no key usage extension')
  if (!certificate.keyUsage.keyCertSign) {
    throw refusal(code, 'X509-4.3-b', 'a signing certificate lacks the key usage keyCertSign')
  }
  const ids = urisOf(certificate).filter((uri) => /^spiffe:/i.test(uri))
  if (ids.length > 1) throw refusal(code, 'X509-2-a', 'a signing certificate holds several SPIFFE IDs')
  // One without a SPIFFE ID is accepted (X509-3.2-a): upstream authorities rarely have any.
  for (const uri of ids) {
    const id = parseId(uri, 'a signing certificate')
    if (id.path !== '') {
      throw refusal(code, 'X509-3.2-b', `the SPIFFE ID ${id} of a signing certificate has a path`)
    }
  }
}

function checkExtensions({ unknownCriticalExtensions: [unknown] }: Certificate, what: string): void {
  if (unknown === undefined) return
  throw refusal('ERR_SVID_BAD_CHAIN', 'X509-5.1-a', `${what} has the unknown critical extension ${unknown}`)
}

/** Refuses short and unusual keys. */
export function checkKeyStrength({ publicKey }: Certificate, what: string): void {
  const weakness = weaknessOf(publicKey)
  if (weakness) throw refusal('ERR_SVID_ALGORITHM', 'X509-5.1-a', `${what} has ${weakness}`)
}

/** Refuses signatures over broken digests (MD5, SHA-1) and algorithms that we do not know. */
export function checkSignatureStrength({ signatureAlgorithm: { accepted, name } }: Certificate, what: string): void {
  if (!accepted) throw refusal('ERR_SVID_ALGORITHM', 'X509-5.1-a', `${what} is signed with ${name}`)
}

function urisOf({ names }: Certificate): string[] {
  return names.flatMap(({ uniformResourceIdentifier: uri }) => (uri === undefined ? [] : [uri]))
}

function parseId(uri: string, what: string): SpiffeId {
  try {
    return SpiffeId.parse(uri)
  } catch (cause) {
    const rule = cause instanceof SpiffeIdError ? cause.rule : 'X509-5.2-b'
    throw refusal('ERR_SVID_BAD_ID', 'X509-5.2-b', `${what} holds a URI name that is no SPIFFE ID, see ${rule}`, cause)
  }
}
