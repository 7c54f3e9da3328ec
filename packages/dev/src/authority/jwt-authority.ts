/**
 * A key of the development trust domain, and the JWT-SVIDs signed with it: what SPIRE puts in them.
 * @see JWT-SVID.md, sections 2 and 3
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { SpiffeId } from '@chaveiro/spiffe'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import type { Authority } from './lifecycle.js'

export interface JwtAuthority extends Authority {
  readonly keyId: string
  /** Public key with `kid`, without a use: as the Workload API gives it. */
  readonly jwk: JWK
  readonly algorithm: string
  /** Signs a JWT-SVID; its end is never after the authority's own. */
  issue(claims: JwtSvidClaims): Promise<string>
}

export interface JwtSvidClaims {
  readonly id: SpiffeId
  readonly audience: readonly string[]
  readonly nowMs: number
  readonly ttlSeconds: number
  readonly issuer?: string | undefined
}

export async function createJwtAuthority(nowMs: number, ttlSeconds: number): Promise<JwtAuthority> {
  const algorithm = 'ES256'
  const { publicKey, privateKey } = await generateKeyPair(algorithm)
  const keyId = randomKeyId()
  const { kty, crv, x, y } = await exportJWK(publicKey)
  const notAfterMs = nowMs + ttlSeconds * 1000
  return {
    notBeforeMs: nowMs,
    notAfterMs,
    keyId,
    algorithm,
    jwk: { kty, kid: keyId, crv, x, y } as JWK,
    issue: ({ id, audience, nowMs: issuedAtMs, ttlSeconds: ttl, issuer }) => {
      const iat = Math.floor(issuedAtMs / 1000)
      const exp = Math.floor(Math.min(issuedAtMs + ttl * 1000, notAfterMs) / 1000)
      return new SignJWT({ sub: id.toString(), aud: [...audience], exp, iat, ...(issuer && { iss: issuer }) })
        .setProtectedHeader({ alg: algorithm, kid: keyId, typ: 'JWT' })
        .sign(privateKey)
    },
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** 32 letters and digits. The slight bias of the remainder does not matter: a key ID is no secret. */
function randomKeyId(): string {
  return Array.from(randomBytes(32), (byte) => alphabet[byte % alphabet.length]).join('')
}
