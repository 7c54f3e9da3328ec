/** Makes tokens for tests, right ones and wrong ones: header, payload and signature can each be anything. */
import { constants, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { JwtBundle, type TrustDomain } from '@chaveiro/spiffe'

export type Json = Record<string, unknown>

/** A JWK of the public half of a private key. */
export function jwkOf(key: KeyObject, members: Json = {}): Json {
  return { ...createPublicKey(key).export({ format: 'jwk' }), ...members }
}

export function jwks(...keys: readonly unknown[]): string {
  return JSON.stringify({ keys })
}

export function jwtBundle(trustDomain: TrustDomain, keys: Readonly<Record<string, KeyObject>>): JwtBundle {
  return JwtBundle.fromJwks(trustDomain, jwks(...Object.entries(keys).map(([kid, key]) => jwkOf(key, { kid }))))
}

/** Base64url of a text or of the JSON of a value. */
export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

/** Signs any two parts, whatever they hold; `algorithm` says how. */
export function signParts(header: unknown, payload: unknown, key: KeyObject, algorithm = 'ES256'): string {
  const input = `${part(header)}.${part(payload)}`
  return `${input}.${signatureOf(input, key, algorithm).toString('base64url')}`
}

function signatureOf(input: string, key: KeyObject, algorithm: string): Buffer {
  const data = Buffer.from(input)
  if (algorithm === 'EdDSA') return sign(null, data, key)
  const digest = `sha${algorithm.slice(2).replace('6K', '6')}`
  if (algorithm.startsWith('PS')) {
    const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
    return sign(digest, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
  }
  return sign(digest, data, { key, dsaEncoding: 'ieee-p1363' })
}
