/**
 * A CA of the development trust domain, and the X.509-SVIDs it issues: what SPIRE puts in them.
 * @see X509-SVID.md, sections 2 to 4
 * @module
 */
// The decorators of @peculiar/x509 need it first.
import 'reflect-metadata'
import { KeyObject, randomBytes, webcrypto } from 'node:crypto'
import type { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Authority } from './lifecycle.js'

/** An X.509-SVID as the Workload API hands it out. */
export interface IssuedX509 {
  /** DER, leaf first. */
  readonly chainDer: Uint8Array
  /** PKCS#8 DER, not encrypted. */
  readonly keyDer: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

export interface X509Authority extends Authority {
  readonly certificateDer: Uint8Array
  /** Issues an SVID with a new key pair; its end is never after the authority's own. */
  issue(id: SpiffeId, nowMs: number, ttlSeconds: number): Promise<IssuedX509>
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }
/** Clocks differ a little; what is issued is valid from a moment ago. */
const backdateMs = 10_000

/** Creates a self-signed CA whose own SPIFFE ID is that of the trust domain. */
export async function createX509Authority(
  trustDomain: TrustDomain,
  nowMs: number,
  ttlSeconds: number,
): Promise<X509Authority> {
  const keys = await generateKeys()
  const notBeforeMs = nowMs - backdateMs
  const notAfterMs = nowMs + ttlSeconds * 1000
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ C: ['US'] }, { O: ['SPIFFE'] }, { '2.5.4.5': [randomBytes(16).readBigUInt64BE().toString()] }],
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: trustDomain.id }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    notBeforeMs,
    notAfterMs,
    certificateDer: new Uint8Array(certificate.rawData),
    issue: (id, issuedAtMs, ttl) =>
      issueSvid(certificate, keys, id, issuedAtMs, Math.min(issuedAtMs + ttl * 1000, notAfterMs)),
  }
}

async function issueSvid(
  ca: X509Certificate,
  caKeys: webcrypto.CryptoKeyPair,
  id: SpiffeId,
  nowMs: number,
  notAfterMs: number,
): Promise<IssuedX509> {
  const keys = await generateKeys()
  const notBeforeMs = nowMs - backdateMs
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ C: ['US'] }, { O: ['SPIRE'] }],
    issuer: ca.subjectName.toJSON(),
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(
        KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment | KeyUsageFlags.keyAgreement,
        true,
      ),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([{ type: 'url', value: id.toString() }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  })
  return {
    chainDer: new Uint8Array(certificate.rawData),
    keyDer: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'der' }),
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
  }
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>
}

/** 127 random bits: positive, and unique. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0] as number & 0x7f) | 0x40
  return bytes.toString('hex')
}
