/**
 * A registration entry as the agent keeps it: an identity, and the SVIDs issued for it.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '@chaveiro/rotation'
import type { SpiffeId } from '@chaveiro/spiffe'
import { decodeJwt } from 'jose'
import type { DevAuthority } from '../authority/dev-authority.js'
import type { IssuedX509 } from '../authority/x509-authority.js'

export interface EntryOptions {
  id: SpiffeId
  /** Tells several identities of one workload apart. Default: none. */
  hint?: string
  /** Default: what the authority issues. */
  x509TtlSeconds?: number
  jwtTtlSeconds?: number
}

const cachedTokens = 1000

export class Entry {
  /** SVIDs are ordered by it, so which of several comes first is chance. */
  readonly entryId = randomUUID()
  readonly id: SpiffeId
  readonly hint: string
  readonly #authority: DevAuthority
  readonly #clock: Clock
  readonly #options: EntryOptions
  readonly #tokens = new Map<string, { token: string; reuseUntilMs: number }>()
  #svid: IssuedX509
  #rotateAtMs: number

  private constructor(authority: DevAuthority, clock: Clock, options: EntryOptions, svid: IssuedX509) {
    this.id = options.id
    this.hint = options.hint ?? ''
    this.#authority = authority
    this.#clock = clock
    this.#options = options
    this.#svid = svid
    this.#rotateAtMs = halfLifeMs(svid.notBeforeMs, svid.notAfterMs, clock.random())
  }

  static async create(authority: DevAuthority, clock: Clock, options: EntryOptions): Promise<Entry> {
    return new Entry(authority, clock, options, await authority.issueX509(options.id, ttl(options.x509TtlSeconds)))
  }

  get svid(): IssuedX509 {
    return this.#svid
  }

  /** When the X.509-SVID is replaced, in wall-clock milliseconds: at about half of its life. */
  get rotateAtMs(): number {
    return this.#rotateAtMs
  }

  /** Replaces the X.509-SVID by one with a new key. */
  async rotate(): Promise<void> {
    this.#svid = await this.#authority.issueX509(this.id, ttl(this.#options.x509TtlSeconds))
    this.#rotateAtMs = halfLifeMs(this.#svid.notBeforeMs, this.#svid.notAfterMs, this.#clock.random())
  }

  /** A JWT-SVID: the one issued before for these audiences until about half of its life, then a new one. */
  async jwt(audience: readonly string[]): Promise<string> {
    const key = JSON.stringify([...audience].sort())
    const held = this.#tokens.get(key)
    if (held && this.#clock.wallMs() < held.reuseUntilMs) return held.token
    const token = await this.#authority.issueJwt(this.id, audience, ttl(this.#options.jwtTtlSeconds))
    const { iat = 0, exp = 0 } = decodeJwt(token)
    this.#tokens.delete(key)
    this.#tokens.set(key, { token, reuseUntilMs: halfLifeMs(iat * 1000, exp * 1000, this.#clock.random()) })
    const [oldest] = this.#tokens.keys()
    if (this.#tokens.size > cachedTokens && oldest !== undefined) this.#tokens.delete(oldest)
    return token
  }
}

const ttl = (ttlSeconds: number | undefined): { ttlSeconds?: number } =>
  ttlSeconds === undefined ? {} : { ttlSeconds }

/** The half of a life, give or take a tenth of it, so that not all SVIDs of a node are replaced at once. */
function halfLifeMs(startMs: number, endMs: number, draw: number): number {
  const half = (endMs - startMs) / 2
  return endMs - half * (0.9 + 0.2 * draw)
}
