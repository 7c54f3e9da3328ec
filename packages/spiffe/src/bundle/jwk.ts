/**
 * Keys of a JWK set (RFC 7517) as SPIFFE uses them, read one entry at a time: one entry that cannot be used
 * never costs the rest (BND-4.1.3-b).
 * @module
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { algorithmsOf, isJwsAlgorithm, type JwsAlgorithm } from './jws-algorithm.js'
import type { JsonObject } from './strict-json.js'
import { requireCertificate } from './x509-bundle.js'

/** A key that signs JWT-SVIDs of one trust domain. */
export interface JwtAuthority {
  readonly keyId: string
  readonly publicKey: KeyObject
  /** Algorithms that the key fits; only the one named by the JWK's `alg`, when it has one. */
  readonly algorithms: readonly JwsAlgorithm[]
}

/** Members that are the public key itself, by key type; nothing else of an entry is used. */
const publicMembers: Readonly<Record<string, readonly string[]>> = { RSA: ['n', 'e'], EC: ['crv', 'x', 'y'] }
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** The authority in a JWK; `undefined` for entries to be ignored: no `kid`, unknown kind, malformed, private. */
export function jwtAuthority(entry: JsonObject): JwtAuthority | undefined {
  const { kid, kty, alg } = entry
  if (typeof kid !== 'string' || kid === '' || typeof kty !== 'string') return undefined
  const publicKey = readPublicKey(kty, entry)
  if (!publicKey) return undefined
  const fitting = algorithmsOf(publicKey)
  const algorithms = alg === undefined ? fitting : fitting.filter((name) => name === alg && isJwsAlgorithm(alg))
  return algorithms.length === 0 ? undefined : { keyId: kid, publicKey, algorithms }
}

function readPublicKey(kty: string, entry: JsonObject): KeyObject | undefined {
  const members = Object.hasOwn(publicMembers, kty) ? publicMembers[kty] : undefined
  if (!members || privateMembers.some((name) => Object.hasOwn(entry, name))) return undefined
  const key = Object.fromEntries([['kty', kty], ...members.map((name) => [name, entry[name]])]) as JsonWebKey
  try {
    return createPublicKey({ format: 'jwk', key })
  } catch {
    return undefined
  }
}

/**
 * Public members of a key, for writing.
 * @throws an error of any kind for keys that JWKs cannot hold
 */
export function publicJwk(key: KeyObject): JsonObject {
  const { kty, crv, x, y, n, e } = key.export({ format: 'jwk' })
  const members = { kty, crv, x, y, n, e }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** The certificate of an entry for X.509; `undefined` for entries to be ignored. Only the first of `x5c` counts. */
export function x509Authority({ kty, x5c }: JsonObject): Uint8Array | undefined {
  const first: unknown = Array.isArray(x5c) ? x5c[0] : undefined
  if (typeof kty !== 'string' || typeof first !== 'string' || first === '' || !base64.test(first)) return undefined
  const der = Uint8Array.from(Buffer.from(first, 'base64'))
  try {
    requireCertificate(der)
    return der
  } catch {
    return undefined
  }
}
