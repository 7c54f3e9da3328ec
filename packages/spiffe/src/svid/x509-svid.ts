/**
 * Our own X509-SVID: a certificate chain and its private key (X509-SVID.md).
 * @module
 */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { Secret } from '@chaveiro/rotation'
import type { SpiffeId } from '../id/spiffe-id.js'
import { type Certificate, isNamedIssuer, isSignedBy } from '../x509/certificate.js'
import { splitDer } from '../x509/der.js'
import { readCertificatesPem, readPem, writePem } from '../x509/pem.js'
import { refusal } from './refusal.js'
import { checkKeyStrength, checkSignatureStrength, checkSigning, readSvidChain } from './x509-rules.js'

/** Where whoever presents an X509-SVID finds the one to present now. */
export interface X509SvidSource {
  /** The SVID to use now. @throws when none is valid */
  x509Svid(): X509Svid
}

export interface X509SvidOptions {
  /** What the Workload API calls this SVID, when a workload has several. */
  hint?: string | undefined
}

/**
 * An identity of our own. It is held to the same rules as a peer's; whether its trust domain vouches for it, and
 * whether it is valid now, is for `verifyX509Svid` to say. The private key never shows in `inspect` or JSON.
 */
export class X509Svid {
  readonly id: SpiffeId
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  readonly hint: string | undefined
  /** Beginning of the time in which every certificate of the chain is valid, in ms since the epoch. */
  readonly notBeforeMs: number
  /** End of the time in which every certificate of the chain is valid, in ms since the epoch. */
  readonly notAfterMs: number
  readonly #privateKey: KeyObject

  private constructor(chain: readonly Uint8Array[], privateKey: KeyObject, { hint }: X509SvidOptions) {
    const { id, certificate, signing } = readSvidChain(chain)
    if (!certificate.x509.checkPrivateKey(privateKey)) {
      throw refusal('ERR_SVID_KEY_MISMATCH', 'X509-5.2-c', 'the private key belongs to another certificate')
    }
    checkLinks([certificate, ...signing])
    this.id = id
    this.chain = chain
    this.hint = hint === '' ? undefined : hint
    this.notBeforeMs = Math.max(certificate.notBeforeMs, ...signing.map(({ notBeforeMs }) => notBeforeMs))
    this.notAfterMs = Math.min(certificate.notAfterMs, ...signing.map(({ notAfterMs }) => notAfterMs))
    this.#privateKey = privateKey
  }

  /**
   * @param chainDer - certificates laid end to end, leaf first, as the Workload API sends them
   * @param keyPkcs8Der - the unencrypted PKCS #8 private key
   * @throws {SvidError} with the rule that the chain or the key breaks
   */
  static fromDer(chainDer: Uint8Array, keyPkcs8Der: Uint8Array, options: X509SvidOptions = {}): X509Svid {
    return new X509Svid(
      readChain(() => splitDer(chainDer)),
      readKey(keyPkcs8Der, 'pkcs8'),
      options,
    )
  }

  /**
   * @param chainPem - `CERTIFICATE` blocks, leaf first
   * @param keyPem - one unencrypted private key: PKCS #8, SEC 1 or PKCS #1
   * @throws {SvidError} with the rule that the chain or the key breaks
   */
  static fromPem(chainPem: string, keyPem: string, options: X509SvidOptions = {}): X509Svid {
    return new X509Svid(pemCertificates(chainPem), readKeyPem(keyPem), options)
  }

  get privateKey(): KeyObject {
    return this.#privateKey
  }

  /** The chain as PEM, leaf first. */
  certificatesPem(): string {
    return this.chain.map((der) => writePem('CERTIFICATE', der)).join('')
  }

  /** The private key as PEM (PKCS #8). */
  privateKeyPem(): Secret {
    return new Secret(this.#privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
  }

  toJSON(): object {
    const { id, hint, notBeforeMs, notAfterMs } = this
    return { id: id.toString(), hint, notBeforeMs, notAfterMs }
  }

  [inspect.custom](): string {
    return `X509Svid { ${this.id}, until ${new Date(this.notAfterMs).toISOString()} }`
  }
}

/**
 * The DER of a chain kept as PEM, in its order, for `verifyX509Svid`; empty when the text holds no PEM.
 * @throws {SvidError} `ERR_SVID_MALFORMED` at a broken block, or one that is no certificate
 */
export function pemCertificates(pem: string): Uint8Array[] {
  return readChain(() => readCertificatesPem(pem))
}

function readChain(read: () => Uint8Array[]): Uint8Array[] {
  try {
    return read()
  } catch (cause) {
    throw refusal('ERR_SVID_MALFORMED', 'X509-5.1-a', 'the certificate chain cannot be read', cause)
  }
}

/** PEM labels of unencrypted private keys, and how their DER is laid out. */
const keyForms: Readonly<Record<string, 'pkcs8' | 'sec1' | 'pkcs1'>> = {
  'PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'pkcs1',
}

// The cause is left out on purpose: it might quote the key.
function readKey(der: Uint8Array, type: 'pkcs8' | 'sec1' | 'pkcs1'): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: 'der', type })
  } catch {
    throw refusal('ERR_SVID_KEY_MISMATCH', 'X509-5.2-c', 'the private key cannot be read, or is encrypted')
  }
}

function readKeyPem(pem: string): KeyObject {
  let keys: { der: Uint8Array; type: 'pkcs8' | 'sec1' | 'pkcs1' }[] = []
  try {
    keys = readPem(pem).flatMap(({ label, der }) => {
      const type = Object.hasOwn(keyForms, label) ? keyForms[label] : undefined
      return type ? [{ der, type }] : []
    })
  } catch {
    // Not PEM at all: the same refusal as for no key and for several.
  }
  const [key] = keys
  if (!key || keys.length > 1) {
    throw refusal('ERR_SVID_KEY_MISMATCH', 'X509-5.2-c', 'the key file does not hold exactly one private key')
  }
  return readKey(key.der, key.type)
}

/** Each certificate must be signed by the next: peers are sent the chain as it is. */
function checkLinks(chain: readonly Certificate[]): void {
  for (const [index, issuer] of chain.slice(1).entries()) {
    checkSigning(issuer)
    checkKeyStrength(issuer, 'a signing certificate')
    checkSignatureStrength(issuer, 'a signing certificate')
    const subject = chain[index]
    if (!subject || !isNamedIssuer(issuer, subject) || !isSignedBy(subject, issuer)) {
      throw refusal('ERR_SVID_BAD_CHAIN', 'X509-5.1-a', `certificate ${index} of the chain is not signed by the next`)
    }
  }
}
