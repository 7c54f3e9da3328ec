/**
 * The signature algorithms and public keys that a certificate may use. What is not in these tables is refused.
 * @module
 */
import type { KeyObject } from 'node:crypto'
import type { AlgorithmIdentifier } from '@peculiar/asn1-x509'

/** Name of an accepted algorithm, or the object identifier of a refused one. */
export type SignatureAlgorithm =
  | { readonly accepted: true; readonly name: string }
  | { readonly accepted: false; readonly name: string }

/** RSA with PKCS #1 v1.5, ECDSA and EdDSA. MD5 and SHA-1 are absent on purpose. */
const acceptedAlgorithms: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.11', 'sha256WithRSAEncryption'],
  ['1.2.840.113549.1.1.12', 'sha384WithRSAEncryption'],
  ['1.2.840.113549.1.1.13', 'sha512WithRSAEncryption'],
  ['1.2.840.10045.4.3.2', 'ecdsa-with-SHA256'],
  ['1.2.840.10045.4.3.3', 'ecdsa-with-SHA384'],
  ['1.2.840.10045.4.3.4', 'ecdsa-with-SHA512'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
])
const rsaPss = '1.2.840.113549.1.1.10'
/** RSASSA-PSS-params that begin with hashAlgorithm [0] = SHA-256, SHA-384 or SHA-512; left out it would be SHA-1. */
const pssParametersWithSha2 = /^30..a0..30..060960864801650304020[123]/

const acceptedCurves = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
const shortestRsaBits = 2048
/** Longer keys only cost time: a peer chooses the key whose signature we check. */
const longestRsaBits = 8192

export function signatureAlgorithm({ algorithm, parameters }: AlgorithmIdentifier): SignatureAlgorithm {
  if (algorithm === rsaPss) {
    const hex = Buffer.from(parameters ?? new ArrayBuffer(0)).toString('hex')
    return { accepted: pssParametersWithSha2.test(hex), name: 'RSASSA-PSS' }
  }
  const name = acceptedAlgorithms.get(algorithm)
  return name === undefined ? { accepted: false, name: algorithm } : { accepted: true, name }
}

/** Why a public key is too weak or of the wrong kind; `undefined` when it may be used. */
export function weaknessOf(key: KeyObject | undefined): string | undefined {
  if (!key) return 'a key of an unknown kind'
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  switch (type) {
    case 'rsa':
    case 'rsa-pss': {
      const bits = details?.modulusLength ?? 0
      const fits = bits >= shortestRsaBits && bits <= longestRsaBits
      return fits ? undefined : `an RSA key of ${bits} bits, not ${shortestRsaBits} to ${longestRsaBits}`
    }
    case 'ec':
      return acceptedCurves.has(details?.namedCurve ?? '') ? undefined : `an EC key on curve ${details?.namedCurve}`
    case 'ed25519':
    case 'ed448':
      return undefined
    default:
      return `a key of type ${type}`
  }
}
