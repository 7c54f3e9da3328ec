/**
 * Vault in memory, below HTTP: tokens, leases that hang on them, max TTL, and everything that its network and its
 * operators do to it. Vault's real client talks to it.
 */
import { type Clock, sleep } from '@chaveiro/rotation'
import type { HttpExchange, HttpRequest, HttpResponse } from '@chaveiro/vault'
import type { FaultKind, Schedule } from './schedule.js'

/** Who or what ended a token or a lease; `ours` is the code under test. */
export type EndedBy = 'ours' | 'ours-with-token' | 'fault' | 'token-expiry'

interface Entry {
  readonly id: string
  readonly latestEndMs: number
  endsMs: number
  /** The end that an answer which arrived has told. */
  knownEndsMs: number
  /** The answer that gave it has arrived. */
  known: boolean
  endedBy?: EndedBy
  endedMs?: number
}

export interface ModelToken extends Entry {
  readonly leases: Set<ModelLease>
}

export interface ModelLease extends Entry {
  readonly username: string
  readonly password: string
  readonly token: ModelToken
  readonly issuedMs: number
}

export interface ModelCall {
  readonly path: string
  readonly atMs: number
}

interface Answer {
  readonly status: number
  readonly body: object
  readonly arrive?: () => void
}

const refusal = (status: number, ...errors: string[]): Answer => ({ status, body: { errors } })
/** A policy's refusal is an entry of a list, unlike that of a dead token. */
const noPolicy = refusal(403, '1 error occurred:\n\t* permission denied\n\n')
const noToken = refusal(403, 'permission denied', 'invalid token')

export class VaultModel implements HttpExchange {
  readonly tokens: ModelToken[] = []
  readonly leases: ModelLease[] = []
  readonly calls: ModelCall[] = []
  readonly secrets: string[] = []
  /** Answers that were lost after something had been made. */
  lostIssues = 0
  readonly #clock: Clock
  readonly #schedule: Schedule
  readonly #has: (kind: FaultKind) => boolean
  readonly #reached: (branch: string) => void
  #made = 0

  constructor(options: {
    clock: Clock
    schedule: Schedule
    has: (kind: FaultKind) => boolean
    reached: (branch: string) => void
  }) {
    this.#clock = options.clock
    this.#schedule = options.schedule
    this.#has = options.has
    this.#reached = options.reached
  }

  isAlive({ endsMs, endedBy }: Entry): boolean {
    return endedBy === undefined && endsMs > this.#clock.monotonicMs()
  }

  lease(id: string): ModelLease | undefined {
    return this.leases.find((lease) => lease.id === id)
  }

  /** Whether PostgreSQL lets this user in. */
  admits(username: string): boolean {
    this.expire()
    const lease = this.leases.find((candidate) => candidate.username === username)
    return lease !== undefined && this.isAlive(lease)
  }

  endToken(token: ModelToken, endedBy: EndedBy): void {
    this.#end(token, endedBy)
    for (const lease of token.leases) this.#end(lease, endedBy === 'ours' ? 'ours-with-token' : endedBy)
  }

  endLease(lease: ModelLease, endedBy: EndedBy): void {
    this.#end(lease, endedBy)
  }

  /** Tokens that have expired take their leases with them. */
  expire(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const token of this.tokens) {
      if (token.endedBy !== undefined || token.endsMs > nowMs) continue
      token.endedBy = 'token-expiry'
      for (const lease of token.leases) this.#end(lease, 'token-expiry')
    }
  }

  async exchange({ method, target, headers, body }: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const path = target.replace(/^\/v1\//, '')
    this.calls.push({ path, atMs: this.#clock.monotonicMs() })
    if (this.#has('down')) throw broken('ECONNREFUSED')
    if (this.#has('hang')) await new Promise((_, reject) => onAbort(signal, reject))
    const delayMs = this.#schedule.latencyMs + (this.#has('slow') ? 4000 : 0)
    if (delayMs > 0) await sleep(this.#clock, delayMs / 2, signal)
    this.expire()
    const loses = this.#has('lose-replies')
    const answer = this.#answer(method, path, headers['x-vault-token'], body ? JSON.parse(body) : {})
    if (delayMs > 0) await this.#travel(delayMs / 2, signal, answer)
    if (loses) {
      this.#lost(answer)
      throw broken('ECONNRESET')
    }
    if (this.#has('html')) return { status: 200, body: '<html>Sign in</html>', retryAfter: undefined }
    answer.arrive?.()
    return { status: answer.status, body: JSON.stringify(answer.body), retryAfter: this.#has('busy') ? '3' : undefined }
  }

  async close(): Promise<void> {}

  async #travel(delayMs: number, signal: AbortSignal, answer: Answer): Promise<void> {
    try {
      await sleep(this.#clock, delayMs, signal)
    } catch (error) {
      this.#lost(answer)
      throw error
    }
  }

  #lost({ arrive }: Answer): void {
    if (arrive === undefined) return
    this.lostIssues += 1
    this.#reached('an answer was lost after Vault did the work')
  }

  #answer(method: string, path: string, tokenId: string | undefined, body: Record<string, unknown>): Answer {
    if (this.#has('html')) return refusal(200)
    if (this.#has('busy')) return refusal(429, 'request path rate limit quota exceeded')
    if (this.#has('sealed')) return refusal(503, 'Vault is sealed')
    if (path === 'auth/jwt/login') return this.#login()
    const token = this.tokens.find(({ id }) => id === tokenId)
    if (token === undefined || !this.isAlive(token)) return noToken
    if (path === 'auth/token/lookup-self') return enveloped({ data: { ttl: this.#leftSeconds(token) } })
    if (path === 'auth/token/renew-self') return this.#renewToken(token, Number(body.increment))
    if (path === 'auth/token/revoke-self') {
      this.endToken(token, 'ours')
      return { status: 204, body: {} }
    }
    if (this.#has('policy-taken')) return noPolicy
    if (path.startsWith('secret/data/')) return this.#secret()
    if (path.startsWith('database/creds/')) return this.#issue(token)
    if (path === 'sys/leases/renew') return this.#renewLease(String(body.lease_id), Number(body.increment))
    if (path.startsWith('sys/leases/renew/')) {
      return this.#renewLease(path.slice('sys/leases/renew/'.length), Number(body.increment))
    }
    if (path.startsWith('sys/leases/revoke/')) return this.#revokeLease(path.slice('sys/leases/revoke/'.length))
    throw new Error(`the model has no ${method} ${path}`)
  }

  #login(): Answer {
    const { tokenTtlSeconds, tokenMaxTtlSeconds } = this.#schedule
    const token: ModelToken = { ...this.#entry('hvs', tokenTtlSeconds, tokenMaxTtlSeconds), leases: new Set() }
    this.tokens.push(token)
    this.secrets.push(token.id)
    return this.#granted(token, { auth: this.#auth(token) })
  }

  #renewToken(token: ModelToken, incrementSeconds: number): Answer {
    this.#prolong(token, incrementSeconds)
    return this.#granted(token, { auth: this.#auth(token) })
  }

  #auth(token: ModelToken): object {
    return {
      client_token: token.id,
      accessor: 'accessor',
      policies: ['default'],
      lease_duration: this.#leftSeconds(token),
      renewable: true,
      token_type: 'service',
      num_uses: 0,
    }
  }

  #issue(token: ModelToken): Answer {
    if (this.#has('database-down')) return refusal(500, '1 error occurred:\n\t* connection refused\n\n')
    const { leaseTtlSeconds, leaseMaxTtlSeconds } = this.#schedule
    const entry = this.#entry('database/creds/app/', leaseTtlSeconds, leaseMaxTtlSeconds)
    const username = `v-${entry.id.slice(-4)}`
    const lease: ModelLease = {
      ...entry,
      username,
      password: `password-of-${username}`,
      token,
      issuedMs: this.#clock.monotonicMs(),
    }
    this.leases.push(lease)
    token.leases.add(lease)
    this.secrets.push(lease.password)
    const { password } = lease
    return this.#granted(lease, { ...this.#leased(lease), data: { username, password } })
  }

  #renewLease(id: string, incrementSeconds: number): Answer {
    const lease = this.lease(id)
    if (lease === undefined || !this.isAlive(lease)) return refusal(400, 'lease not found')
    if (this.#has('database-down')) return refusal(400, 'failed to renew entry: connection refused')
    this.#prolong(lease, incrementSeconds)
    return this.#granted(lease, this.#leased(lease))
  }

  #leased(lease: ModelLease): object {
    return { lease_id: lease.id, lease_duration: this.#leftSeconds(lease), renewable: true }
  }

  #revokeLease(id: string): Answer {
    const lease = this.lease(id)
    if (this.#has('database-down')) return refusal(400, 'failed to revoke entry: connection refused')
    if (lease) this.endLease(lease, 'ours')
    return { status: 204, body: {} }
  }

  #secret(): Answer {
    const metadata = { version: 1, created_time: '2026-01-01T00:00:00Z', custom_metadata: null }
    return enveloped({ data: { data: { password: 'kv-value' }, metadata } })
  }

  #granted(entry: Entry, body: object): Answer {
    const { endsMs } = entry
    const arrive = (): void => {
      entry.known = true
      entry.knownEndsMs = endsMs
    }
    return { ...enveloped(body), arrive }
  }

  #entry(prefix: string, ttlSeconds: number, maxTtlSeconds: number): Entry {
    this.#made += 1
    const nowMs = this.#clock.monotonicMs()
    const endsMs = nowMs + ttlSeconds * 1000
    const id = `${prefix}${String(this.#made).padStart(6, '0')}`
    return { id, latestEndMs: nowMs + maxTtlSeconds * 1000, endsMs, knownEndsMs: endsMs, known: false }
  }

  #prolong(entry: Entry, incrementSeconds: number): void {
    entry.endsMs = Math.min(this.#clock.monotonicMs() + incrementSeconds * 1000, entry.latestEndMs)
  }

  #leftSeconds({ endsMs }: Entry): number {
    // Whole seconds, as Vault tells them: 0 when less than one is left.
    return Math.floor((endsMs - this.#clock.monotonicMs()) / 1000)
  }

  #end(entry: Entry, endedBy: EndedBy): void {
    if (!this.isAlive(entry)) return
    entry.endedBy = endedBy
    entry.endedMs = this.#clock.monotonicMs()
  }
}

const enveloped = (body: object): Answer => ({ status: 200, body: { request_id: 'request', ...body } })

function broken(code: string): Error {
  return Object.assign(new Error(code), { code })
}

function onAbort(signal: AbortSignal, reject: (reason: unknown) => void): void {
  if (signal.aborted) reject(signal.reason)
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
}
