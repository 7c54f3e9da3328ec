/**
 * Issues certificates for tests, right ones and wrong ones: every part of a certificate can be left
 * out, replaced or malformed. Keys are made at run time.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { BundleSet, TrustDomain, X509Bundle, X509Svid } from '@chaveiro/spiffe'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  GeneralNames,
  KeyUsage,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'

/** A fixed moment, so that no test depends on the clock. */
export const nowMs = Date.UTC(2026, 0, 15, 12)
export const hourMs = 3_600_000

export const usage = { digitalSignature: 1, keyEncipherment: 4, keyCertSign: 32, crlSign: 64 }
export const serverAuth = '1.3.6.1.5.5.7.3.1'
export const clientAuth = '1.3.6.1.5.5.7.3.2'

export type KeyKind = 'p256' | 'p384' | 'p521' | 'secp256k1' | 'ed25519' | 'rsa2048' | 'rsa1024'
export type SignatureKind = 'sha256' | 'sha384' | 'sha512' | 'sha1' | 'md5' | 'pss-sha256' | 'pss-sha1'

/** What a certificate says. `undefined` leaves the extension out. */
export interface CertificatePlan {
  /** Common name; '' for an empty subject. */
  subject: string
  notBeforeMs: number
  notAfterMs: number
  names: readonly Partial<GeneralName>[] | undefined
  namesCritical: boolean
  ca: boolean | undefined
  pathLength: number | undefined
  keyUsage: number | undefined
  keyUsageCritical: boolean
  extendedKeyUsage: readonly string[] | undefined
  extensions: readonly Extension[]
  signature: SignatureKind
  key: KeyObject
}

export interface Issued {
  readonly der: Uint8Array
  readonly key: KeyObject
  readonly subject: string
}

const leafPlan = (uri: string): Partial<CertificatePlan> => ({
  subject: 'workload',
  names: [{ uniformResourceIdentifier: uri }],
  ca: false,
  keyUsage: usage.digitalSignature | usage.keyEncipherment,
  extendedKeyUsage: [serverAuth, clientAuth],
})

const signingPlan: Partial<CertificatePlan> = {
  subject: 'intermediate',
  ca: true,
  keyUsage: usage.keyCertSign | usage.crlSign,
  names: undefined,
  extendedKeyUsage: undefined,
}

/** A trust domain's root with everything below it. */
export class TestAuthority {
  readonly trustDomain: TrustDomain
  readonly root: Issued

  constructor(trustDomain = 'example.org', plan: Partial<CertificatePlan> = {}) {
    this.trustDomain = TrustDomain.parse(trustDomain)
    this.root = certify({
      ...signingPlan,
      subject: `root of ${trustDomain}`,
      names: [{ uniformResourceIdentifier: this.trustDomain.id }],
      ...plan,
    })
  }

  get bundle(): X509Bundle {
    return X509Bundle.of(this.trustDomain, [this.root.der])
  }

  /** A workload's certificate; `path` is that of its SPIFFE ID. */
  leaf(path = '/ns/core/sa/registry', plan: Partial<CertificatePlan> = {}, issuer: Issued = this.root): Issued {
    return certify({ ...leafPlan(this.trustDomain.id + path), ...plan }, issuer)
  }

  intermediate(plan: Partial<CertificatePlan> = {}, issuer: Issued = this.root): Issued {
    return certify({ ...signingPlan, ...plan }, issuer)
  }

  svid(path?: string, plan?: Partial<CertificatePlan>): X509Svid {
    const leaf = this.leaf(path, plan)
    return X509Svid.fromDer(leaf.der, pkcs8(leaf.key))
  }
}

export function bundlesOf(...authorities: readonly TestAuthority[]): BundleSet {
  return new BundleSet(authorities.map(({ bundle }) => bundle))
}

export function pkcs8(key: KeyObject): Uint8Array {
  return Uint8Array.from(key.export({ format: 'der', type: 'pkcs8' }))
}

export function makeKey(kind: KeyKind = 'p256'): KeyObject {
  switch (kind) {
    case 'p256':
    case 'p384':
    case 'p521':
    case 'secp256k1': {
      const namedCurve = { p256: 'P-256', p384: 'P-384', p521: 'P-521', secp256k1: 'secp256k1' }[kind]
      return generateKeyPairSync('ec', { namedCurve }).privateKey
    }
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey
    case 'rsa2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    case 'rsa1024':
      return generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    default:
      return kind satisfies never
  }
}

/** Signs a certificate; without `issuer` by its own key. */
export function certify(given: Partial<CertificatePlan>, issuer?: Issued): Issued {
  const plan: CertificatePlan = {
    subject: '',
    notBeforeMs: nowMs - hourMs,
    notAfterMs: nowMs + hourMs,
    names: undefined,
    namesCritical: false,
    ca: undefined,
    pathLength: undefined,
    keyUsage: undefined,
    keyUsageCritical: true,
    extendedKeyUsage: undefined,
    extensions: [],
    signature: 'sha256',
    key: given.key ?? makeKey(),
    ...given,
  }
  const signingKey = issuer?.key ?? plan.key
  const algorithm = algorithmOf(signingKey, plan.signature)
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: Uint8Array.of(1, ...serial()).buffer,
    signature: algorithm,
    issuer: nameOf(issuer?.subject ?? plan.subject),
    validity: new Validity({ notBefore: new Date(plan.notBeforeMs), notAfter: new Date(plan.notAfterMs) }),
    subject: nameOf(plan.subject),
    subjectPublicKeyInfo: AsnConvert.parse(publicDer(plan.key), SubjectPublicKeyInfo),
    extensions: new Extensions(extensionsOf(plan)),
  })
  const signatureValue = signWith(signingKey, plan.signature, AsnConvert.serialize(tbsCertificate))
  const certificate = new Certificate({ tbsCertificate, signatureAlgorithm: algorithm, signatureValue })
  return { der: new Uint8Array(AsnConvert.serialize(certificate)), key: plan.key, subject: plan.subject }
}

export function extension(extnID: string, critical: boolean, value: unknown): Extension {
  const der = value instanceof Uint8Array ? value : AsnConvert.serialize(value)
  return new Extension({ extnID, critical, extnValue: new OctetString(der as ArrayBuffer) })
}

let serials = 0
function serial(): number[] {
  serials += 1
  return [serials >> 8, serials & 0xff]
}

function extensionsOf(plan: CertificatePlan): Extension[] {
  const all: Extension[] = []
  if (plan.ca !== undefined) {
    const pathLenConstraint = plan.pathLength === undefined ? {} : { pathLenConstraint: plan.pathLength }
    all.push(extension('2.5.29.19', true, new BasicConstraints({ cA: plan.ca, ...pathLenConstraint })))
  }
  if (plan.keyUsage !== undefined) all.push(extension('2.5.29.15', plan.keyUsageCritical, new KeyUsage(plan.keyUsage)))
  if (plan.extendedKeyUsage) {
    all.push(extension('2.5.29.37', false, new ExtendedKeyUsage([...plan.extendedKeyUsage])))
  }
  if (plan.names) {
    const names = new GeneralNames(plan.names.map((name) => new GeneralName(name)))
    all.push(extension('2.5.29.17', plan.namesCritical, names))
  }
  return [...all, ...plan.extensions]
}

function nameOf(commonName: string): Name {
  if (commonName === '') return new Name([])
  const value = new AttributeValue({ utf8String: commonName })
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: '2.5.4.3', value })])])
}

function publicDer(key: KeyObject): ArrayBuffer {
  return new Uint8Array((key.type === 'public' ? key : createPublicKey(key)).export({ format: 'der', type: 'spki' }))
    .buffer
}

const oid = {
  rsa: { sha256: '11', sha384: '12', sha512: '13', sha1: '5', md5: '4' },
  ec: { sha256: '3.2', sha384: '3.3', sha512: '3.4', sha1: '1' },
} as const

function algorithmOf(key: KeyObject, kind: SignatureKind): AlgorithmIdentifier {
  if (key.asymmetricKeyType === 'ed25519') return new AlgorithmIdentifier({ algorithm: '1.3.101.112' })
  if (kind === 'pss-sha256' || kind === 'pss-sha1') {
    return new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.10', parameters: pssParameters[kind] })
  }
  if (key.asymmetricKeyType === 'rsa') {
    return new AlgorithmIdentifier({ algorithm: `1.2.840.113549.1.1.${oid.rsa[kind]}`, parameters: null })
  }
  return new AlgorithmIdentifier({ algorithm: `1.2.840.10045.4.${oid.ec[kind as keyof typeof oid.ec]}` })
}

const pssParameters = {
  'pss-sha256': hex(
    '3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120',
  ),
  // Everything at its default: SHA-1.
  'pss-sha1': hex('3000'),
}

function hex(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, 'hex')).buffer
}

function signWith(key: KeyObject, kind: SignatureKind, data: ArrayBuffer): ArrayBuffer {
  const bytes = Buffer.from(data)
  if (key.asymmetricKeyType === 'ed25519') return Uint8Array.from(sign(null, bytes, key)).buffer
  if (kind === 'pss-sha256' || kind === 'pss-sha1') {
    const saltLength = kind === 'pss-sha256' ? 32 : 20
    const digest = kind === 'pss-sha256' ? 'sha256' : 'sha1'
    return Uint8Array.from(sign(digest, bytes, { key, padding: 6, saltLength })).buffer
  }
  return Uint8Array.from(sign(kind, bytes, key)).buffer
}
