/**
 * Keys that JWTs are verified with: given once, or fetched from a URL and fetched again for a signature that none fits.
 * @module
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { Clock } from '@chaveiro/rotation'
import { compactVerify } from 'jose'
import { badRequest } from '../refusal.js'

/** What Vault verifies with, by the names of RFC 7518. */
export const signingAlgorithms: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
]

export interface JwtKeys {
  /** @returns the payload. @throws Error with Vault's text when no key fits */
  verify(jwt: string, algorithms: readonly string[]): Promise<Uint8Array>
}

/** @throws {Refusal} 400 */
export function givenKeys(pems: readonly string[]): JwtKeys {
  const keys = pems.map(readPem)
  return {
    async verify(jwt, algorithms) {
      const payload = await tryKeys(keys, jwt, algorithms)
      if (payload === undefined) throw new Error('no known key successfully validated the token signature')
      return payload
    },
  }
}

function readPem(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch {
    throw badRequest('error parsing public key: data does not contain any valid public keys')
  }
}

interface FetchedKey {
  readonly kid: string | undefined
  readonly key: KeyObject
}

const fetchTimeoutMs = 10_000

/** A JWK set at a URL. */
export class RemoteKeys implements JwtKeys {
  readonly #url: string
  readonly #clock: Clock
  #keys: readonly FetchedKey[] | undefined

  constructor(url: string, clock: Clock) {
    this.#url = url
    this.#clock = clock
  }

  /** @throws {Refusal} 400 when there is no JWK set at the URL */
  async check(): Promise<void> {
    await fetchKeys(this.#url, this.#clock).catch(() => {
      throw badRequest(`error checking jwks URL ${this.#url}`)
    })
  }

  async verify(jwt: string, algorithms: readonly string[]): Promise<Uint8Array> {
    const known = this.#keys && (await this.#tryKnown(jwt, algorithms))
    if (known) return known
    // The signer may have a new key.
    this.#keys = await fetchKeys(this.#url, this.#clock).catch((error: Error) => {
      throw new Error(`fetching keys oidc: get keys failed: ${error.message}`)
    })
    const payload = await this.#tryKnown(jwt, algorithms)
    if (payload === undefined) throw new Error('failed to verify id token signature')
    return payload
  }

  #tryKnown(jwt: string, algorithms: readonly string[]): Promise<Uint8Array | undefined> {
    const kid = keyIdOf(jwt)
    const fitting = (this.#keys ?? []).filter((entry) => kid === undefined || entry.kid === kid)
    return tryKeys(
      fitting.map(({ key }) => key),
      jwt,
      algorithms,
    )
  }
}

async function fetchKeys(url: string, clock: Clock): Promise<FetchedKey[]> {
  const { keys = [] } = JSON.parse(await fetchText(url, clock)) as { keys?: (JsonWebKey & { kid?: string })[] }
  return keys.flatMap((jwk) => {
    try {
      // What a key is for (`use`) is not looked at: SPIFFE has words of its own there.
      return [{ kid: jwk.kid, key: createPublicKey({ key: jwk, format: 'jwk' }) }]
    } catch {
      return []
    }
  })
}

async function fetchText(url: string, clock: Clock): Promise<string> {
  const controller = new AbortController()
  const timer = clock.schedule(fetchTimeoutMs, () => controller.abort())
  try {
    const response = await fetch(url, { redirect: 'error', signal: controller.signal })
    const text = await response.text()
    if (!response.ok) throw new Error(`${response.status} ${response.statusText} ${text}`)
    return text
  } finally {
    timer.cancel()
  }
}

async function tryKeys(
  keys: readonly KeyObject[],
  jwt: string,
  algorithms: readonly string[],
): Promise<Uint8Array | undefined> {
  for (const key of keys) {
    const verified = await compactVerify(jwt, key, { algorithms: [...algorithms] }).catch(() => undefined)
    if (verified) return verified.payload
  }
  return undefined
}

function keyIdOf(jwt: string): string | undefined {
  const header = JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()) as { kid?: string }
  return header.kid
}
