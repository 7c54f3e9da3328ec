/**
 * The authority of a trust domain for development and tests: issues SVIDs as SPIRE would, in memory.
 * @module
 */
import { type Clock, systemClock } from '@chaveiro/rotation'
import type { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { createJwtAuthority, type JwtAuthority } from './jwt-authority.js'
import { AuthorityLifecycle } from './lifecycle.js'
import { createX509Authority, type IssuedX509, type X509Authority } from './x509-authority.js'

export interface DevAuthorityOptions {
  trustDomain: TrustDomain
  /** Life of an X.509-SVID in seconds. Default 3600. */
  x509TtlSeconds?: number
  /** Life of a JWT-SVID in seconds. Default 300. */
  jwtTtlSeconds?: number
  /** Life of a CA and of a JWT key in seconds. Default 86 400. */
  caTtlSeconds?: number
  /** The claim `iss` of JWT-SVIDs. Default: none. */
  issuer?: string
  clock?: Clock
}

/** What verifiers of the trust domain must be told of, when it has changed. */
export type AuthorityChange = 'x509' | 'jwt'

/** Keys live in this object only: whoever ends the process ends the trust domain. */
export class DevAuthority {
  readonly trustDomain: TrustDomain
  readonly x509TtlSeconds: number
  readonly jwtTtlSeconds: number
  readonly #clock: Clock
  readonly #issuer: string | undefined
  readonly #x509: AuthorityLifecycle<X509Authority>
  readonly #jwt: AuthorityLifecycle<JwtAuthority>
  readonly #listeners = new Set<(change: AuthorityChange) => void>()

  private constructor(
    options: DevAuthorityOptions,
    clock: Clock,
    x509: AuthorityLifecycle<X509Authority>,
    jwt: AuthorityLifecycle<JwtAuthority>,
  ) {
    this.trustDomain = options.trustDomain
    this.x509TtlSeconds = options.x509TtlSeconds ?? 3600
    this.jwtTtlSeconds = options.jwtTtlSeconds ?? 300
    this.#issuer = options.issuer
    this.#clock = clock
    this.#x509 = x509
    this.#jwt = jwt
  }

  static async create(options: DevAuthorityOptions): Promise<DevAuthority> {
    const { trustDomain, caTtlSeconds = 86_400, clock = systemClock } = options
    for (const ttl of [options.x509TtlSeconds ?? 1, options.jwtTtlSeconds ?? 1, caTtlSeconds]) {
      if (!(ttl >= 1)) throw new RangeError(`a TTL is 1 second or more, got ${ttl}`)
    }
    const x509 = await AuthorityLifecycle.start(() => createX509Authority(trustDomain, clock.wallMs(), caTtlSeconds))
    const jwt = await AuthorityLifecycle.start(() => createJwtAuthority(clock.wallMs(), caTtlSeconds))
    return new DevAuthority(options, clock, x509, jwt)
  }

  /** A new key pair and its certificate. */
  issueX509(id: SpiffeId, options: { ttlSeconds?: number } = {}): Promise<IssuedX509> {
    return this.#x509.active.issue(id, this.#clock.wallMs(), options.ttlSeconds ?? this.x509TtlSeconds)
  }

  /** A JWT-SVID in compact form. */
  issueJwt(id: SpiffeId, audience: readonly string[], options: { ttlSeconds?: number } = {}): Promise<string> {
    const { ttlSeconds = this.jwtTtlSeconds } = options
    return this.#jwt.active.issue({ id, audience, nowMs: this.#clock.wallMs(), ttlSeconds, issuer: this.#issuer })
  }

  /** CA certificates: concatenated DER. */
  x509Bundle(): Uint8Array {
    return Buffer.concat(this.#x509.published.map(({ certificateDer }) => certificateDer))
  }

  /** JWK set as the Workload API gives it: with `kid`, without a use. */
  jwks(): string {
    return JSON.stringify({ keys: this.#jwt.published.map(({ jwk }) => jwk) })
  }

  /** JWK set as a discovery provider gives it: with `alg` too. */
  discoveryJwks(): string {
    return JSON.stringify({ keys: this.#jwt.published.map(({ jwk, algorithm }) => ({ ...jwk, alg: algorithm })) })
  }

  /** Makes the next CA known to everybody, then signs with it. */
  async rotateX509(): Promise<void> {
    await this.#x509.prepare()
    this.#tell('x509')
    this.#x509.activate()
  }

  /** Makes the next JWT key known to everybody, then signs with it. */
  async rotateJwtKey(): Promise<void> {
    await this.#jwt.prepare()
    this.#tell('jwt')
    this.#jwt.activate()
  }

  /** When {@link tend} has something to do next, in wall-clock milliseconds. */
  get nextDueMs(): number {
    return Math.min(this.#x509.nextDueMs, this.#jwt.nextDueMs)
  }

  /** Rotates the authorities as their lives demand: whoever serves SVIDs calls it at {@link nextDueMs}. */
  async tend(): Promise<void> {
    const nowMs = this.#clock.wallMs()
    await this.#x509.tend(nowMs, () => this.#tell('x509'))
    await this.#jwt.tend(nowMs, () => this.#tell('jwt'))
  }

  /** @returns removes the listener */
  onChange(listener: (change: AuthorityChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(change: AuthorityChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
