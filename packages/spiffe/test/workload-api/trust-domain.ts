/**
 * A trust domain for tests, and its answers as messages of the Workload API. Keys are made at run time.
 */
import { randomUUID } from 'node:crypto'
import type { FakeClock } from '@chaveiro/rotation/testing'
import { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { pkcs8, TestAuthority } from '../authority.js'

export const trustDomain = TrustDomain.parse('test.example')
export const foreign = TrustDomain.parse('foreign.example')
export const registry = SpiffeId.of(trustDomain, '/ns/core/sa/registry')
export const worker = SpiffeId.of(trustDomain, '/ns/core/sa/worker')

export interface SvidMessage {
  spiffeId: string
  x509Svid: Uint8Array
  x509SvidKey: Uint8Array
  bundle: Uint8Array
  hint: string
}

interface SigningKey {
  readonly keyId: string
  readonly jwk: JWK
  readonly privateKey: CryptoKey
}

type CryptoKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey']

export class TestDomain {
  readonly #clock: FakeClock
  readonly #x509TtlSeconds: number
  readonly #jwtTtlSeconds: number
  readonly #authority: TestAuthority
  readonly #keys: SigningKey[] = []

  private constructor(clock: FakeClock, x509TtlSeconds: number, jwtTtlSeconds: number) {
    this.#clock = clock
    this.#x509TtlSeconds = x509TtlSeconds
    this.#jwtTtlSeconds = jwtTtlSeconds
    this.#authority = new TestAuthority(trustDomain.name, this.#validFor(86_400))
  }

  static async create(clock: FakeClock, { x509TtlSeconds = 3600, jwtTtlSeconds = 300 } = {}): Promise<TestDomain> {
    const domain = new TestDomain(clock, x509TtlSeconds, jwtTtlSeconds)
    await domain.rotateJwtKey()
    return domain
  }

  /** An X.509-SVID that began 10 s ago. */
  svid(id = registry, hint = ''): SvidMessage {
    const { der, key } = this.#authority.leaf(id.path, this.#validFor(this.#x509TtlSeconds))
    return { spiffeId: id.toString(), x509Svid: der, x509SvidKey: pkcs8(key), bundle: this.x509Bundle(), hint }
  }

  /** A whole X.509 message with one new SVID. */
  x509(id = registry): { svids: SvidMessage[] } {
    return { svids: [this.svid(id)] }
  }

  x509Bundle(): Uint8Array {
    return Buffer.concat(this.#authority.bundle.authorities)
  }

  jwtBundles(): { bundles: Record<string, Uint8Array> } {
    return { bundles: { [trustDomain.id]: Buffer.from(JSON.stringify({ keys: this.#keys.map(({ jwk }) => jwk) })) } }
  }

  async jwt(audience: readonly string[], id = registry, hint = '') {
    return { spiffeId: id.toString(), svid: await this.token(audience, id), hint }
  }

  /** A JWT-SVID that begins now, signed with the newest key. */
  token(audience: readonly string[], id = registry): Promise<string> {
    const { keyId, privateKey } = this.#keys.at(-1) as SigningKey
    const iat = Math.floor(this.#clock.wallMs() / 1000)
    return new SignJWT({ sub: id.toString(), aud: [...audience], iat, exp: iat + this.#jwtTtlSeconds })
      .setProtectedHeader({ alg: 'ES256', kid: keyId, typ: 'JWT' })
      .sign(privateKey)
  }

  /** Signs with another key from now on; the former ones stay published. */
  async rotateJwtKey(): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const keyId = randomUUID()
    this.#keys.push({ keyId, jwk: { ...(await exportJWK(publicKey)), kid: keyId }, privateKey })
  }

  #validFor(ttlSeconds: number): { notBeforeMs: number; notAfterMs: number } {
    const nowMs = this.#clock.wallMs()
    return { notBeforeMs: nowMs - 10_000, notAfterMs: nowMs + ttlSeconds * 1000 }
  }
}
