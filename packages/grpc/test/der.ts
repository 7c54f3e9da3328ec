/** Just enough DER to write certificates in tests. */
import { createHash, type KeyObject, sign } from 'node:crypto'

function tlv(tag: number, ...contents: Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

const sequence = (...contents: Uint8Array[]): Buffer => tlv(0x30, ...contents)
const octets = (content: Uint8Array): Buffer => tlv(0x04, content)
const isTrue = Buffer.from([0x01, 0x01, 0xff])

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const groups = [part & 0x7f]
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return tlv(0x06, Buffer.from(bytes))
}

const name = (commonName: string): Buffer =>
  sequence(tlv(0x31, sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from(commonName)))))

const time = (atMs: number): Buffer =>
  tlv(0x18, Buffer.from(`${new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`))

const extension = (id: string, critical: boolean, value: Uint8Array): Buffer =>
  critical ? sequence(oid(id), isTrue, octets(value)) : sequence(oid(id), octets(value))

export interface CertificateContent {
  serial: number
  subject: string
  issuer: string
  uri: string
  ca: boolean
  notBeforeMs: number
  notAfterMs: number
  publicKey: KeyObject
  issuerPublicKey: KeyObject
  signingKey: KeyObject
}

const keyId = (key: KeyObject): Buffer =>
  createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()

function extensions({ ca, uri, publicKey, issuerPublicKey }: CertificateContent): Buffer {
  // BIT STRING: keyCertSign + cRLSign for a CA, digitalSignature for a leaf.
  const keyUsage = tlv(0x03, Buffer.from(ca ? [0x01, 0x06] : [0x07, 0x80]))
  const list = [
    extension('2.5.29.19', true, ca ? sequence(isTrue) : sequence()),
    extension('2.5.29.15', true, keyUsage),
    extension('2.5.29.17', false, sequence(tlv(0x86, Buffer.from(uri)))),
    extension('2.5.29.14', false, octets(keyId(publicKey))),
    extension('2.5.29.35', false, sequence(tlv(0x80, keyId(issuerPublicKey)))),
  ]
  if (!ca) list.push(extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))))
  return tlv(0xa3, sequence(...list))
}

/** A version 3 certificate, signed with ECDSA and SHA-256. */
export function certificate(content: CertificateContent): Buffer {
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'))
  const toBeSigned = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([0x01, content.serial >> 8, content.serial & 0xff])),
    algorithm,
    name(content.issuer),
    sequence(time(content.notBeforeMs), time(content.notAfterMs)),
    name(content.subject),
    content.publicKey.export({ type: 'spki', format: 'der' }),
    extensions(content),
  )
  const signature = sign('sha256', toBeSigned, content.signingKey)
  return sequence(toBeSigned, algorithm, tlv(0x03, Buffer.from([0]), signature))
}
