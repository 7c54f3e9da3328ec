/**
 * A trust domain for tests, and its answers as messages of the Workload API. Keys are made at run time.
 */
import { DevAuthority } from '@chaveiro/dev'
import type { FakeClock } from '@chaveiro/rotation/testing'
import { SpiffeId, TrustDomain } from '@chaveiro/spiffe'

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

export class TestDomain {
  readonly authority: DevAuthority

  private constructor(authority: DevAuthority) {
    this.authority = authority
  }

  static async create(clock: FakeClock, options: { x509TtlSeconds?: number; jwtTtlSeconds?: number } = {}) {
    return new TestDomain(await DevAuthority.create({ trustDomain, clock, ...options }))
  }

  async svid(id = registry, hint = ''): Promise<SvidMessage> {
    const { chainDer, keyDer } = await this.authority.issueX509(id)
    return { spiffeId: id.toString(), x509Svid: chainDer, x509SvidKey: keyDer, bundle: this.x509Bundle(), hint }
  }

  /** A whole X.509 message with one new SVID. */
  async x509(id = registry): Promise<{ svids: SvidMessage[] }> {
    return { svids: [await this.svid(id)] }
  }

  x509Bundle(): Uint8Array {
    return this.authority.x509Bundle()
  }

  jwtBundles(): { bundles: Record<string, Uint8Array> } {
    return { bundles: { [trustDomain.id]: Buffer.from(this.authority.jwks()) } }
  }

  async jwt(audience: readonly string[], id = registry, hint = '') {
    return { spiffeId: id.toString(), svid: await this.authority.issueJwt(id, audience), hint }
  }
}
