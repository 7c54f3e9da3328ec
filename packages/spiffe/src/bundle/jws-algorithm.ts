/**
 * The algorithms of JWT-SVIDs (JWT-SVID.md, section 2.1), all that is known about them in one table.
 * @module
 */
import type { KeyObject } from 'node:crypto'

/** What a key must be to verify signatures of one algorithm. */
type KeyShape = { readonly type: 'rsa' } | { readonly type: 'ec'; readonly curve: string }

const algorithms = {
  RS256: { type: 'rsa' },
  RS384: { type: 'rsa' },
  RS512: { type: 'rsa' },
  PS256: { type: 'rsa' },
  PS384: { type: 'rsa' },
  PS512: { type: 'rsa' },
  ES256: { type: 'ec', curve: 'prime256v1' },
  ES384: { type: 'ec', curve: 'secp384r1' },
  ES512: { type: 'ec', curve: 'secp521r1' },
} as const satisfies Record<string, KeyShape>

export type JwsAlgorithm = keyof typeof algorithms

const shortestRsaBits = 2048

export function isJwsAlgorithm(name: unknown): name is JwsAlgorithm {
  return typeof name === 'string' && Object.hasOwn(algorithms, name)
}

/** Algorithms whose signatures this public key may verify, however short it is; none for other kinds of keys. */
export function algorithmsOf(key: KeyObject): JwsAlgorithm[] {
  return (Object.keys(algorithms) as JwsAlgorithm[]).filter((name) => {
    const shape: KeyShape = algorithms[name]
    if (shape.type !== key.asymmetricKeyType) return false
    return shape.type === 'rsa' || shape.curve === key.asymmetricKeyDetails?.namedCurve
  })
}

/** An RSA key under 2048 bits verifies nothing (RFC 7518, section 3.3). */
export function isTooShort(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < shortestRsaBits
}
