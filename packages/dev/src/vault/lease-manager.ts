/**
 * Leases of dynamic secrets: each ends at its time, or when it is revoked, and its secret with it.
 * @module
 */
import type { Clock, Timer } from '@chaveiro/rotation'
import { randomName } from './random.js'
import { Refusal } from './refusal.js'

/** What an engine does with a secret that it made. */
export interface LeasedSecret {
  /** Whole seconds from now, and warnings. @throws Error when the engine cannot prolong it */
  renew(incrementSeconds: number | undefined, lease: Lease): Promise<{ seconds: number; warnings: readonly string[] }>
  /** @throws Error when the engine cannot end it */
  revoke(): Promise<void>
}

export interface Lease {
  readonly id: string
  readonly ownerToken: string
  readonly issuedMs: number
  readonly secret: LeasedSecret
  expiresMs: number
  renewable: boolean
  lastRenewalMs: number | undefined
  /** Vault has given up revoking it. */
  irrevocable: boolean
}

interface Kept extends Lease {
  timer: Timer | undefined
  tries: number
  revoking: Promise<void> | undefined
}

const revokeTries = 6
const firstRetryMs = 10_000

export class LeaseManager {
  readonly #clock: Clock
  readonly #leases = new Map<string, Kept>()
  #running = true

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param path - of the request that made the secret */
  add(path: string, ownerToken: string, ttlSeconds: number, secret: LeasedSecret): Lease {
    const nowMs = this.#clock.wallMs()
    const lease: Kept = {
      id: `${path}/${randomName(24)}`,
      ownerToken,
      issuedMs: nowMs,
      secret,
      expiresMs: nowMs + ttlSeconds * 1000,
      renewable: true,
      lastRenewalMs: undefined,
      irrevocable: false,
      timer: undefined,
      tries: 0,
      revoking: undefined,
    }
    this.#leases.set(lease.id, lease)
    this.#arm(lease)
    return lease
  }

  get(id: string): Lease | undefined {
    return this.#leases.get(id)
  }

  get ids(): string[] {
    return [...this.#leases.keys()]
  }

  get irrevocable(): Lease[] {
    return [...this.#leases.values()].filter((lease) => lease.irrevocable)
  }

  /** @throws {Refusal} 400 */
  async renew(id: string, incrementSeconds: number | undefined) {
    const lease = this.#leases.get(id)
    if (lease === undefined) throw new Refusal(400, ['lease not found'])
    if (lease.expiresMs <= this.#clock.wallMs()) throw new Refusal(400, ['lease expired'])
    const granted = await lease.secret.renew(incrementSeconds, lease).catch((error: unknown) => {
      if (error instanceof Refusal) throw error
      throw new Refusal(400, [`failed to renew entry: resp: (*logical.Response)(nil) err: ${listedText(error)}`])
    })
    lease.lastRenewalMs = this.#clock.wallMs()
    lease.expiresMs = lease.lastRenewalMs + granted.seconds * 1000
    this.#arm(lease)
    return { ...granted, renewable: lease.renewable }
  }

  /** An unknown lease is revoked already. @throws {Refusal} 400 when the engine fails; the lease stays as it is */
  async revoke(id: string): Promise<void> {
    const lease = this.#leases.get(id)
    if (lease) await this.#revoke(lease)
  }

  /** Ends the leases in the background. */
  expireOf(ownerToken: string): void {
    for (const lease of this.#leases.values()) if (lease.ownerToken === ownerToken) this.expire(lease.id)
  }

  /** Ends a lease in the background, trying again when the engine fails. */
  expire(id: string): void {
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    lease.expiresMs = Math.min(lease.expiresMs, this.#clock.wallMs())
    lease.renewable = false
    this.#tryRevoke(lease)
  }

  /** Forgets a lease, whatever becomes of its secret. */
  forget(id: string): void {
    this.#leases.get(id)?.timer?.cancel()
    this.#leases.delete(id)
  }

  /** A sealed server lets leases age but does nothing about them. */
  pause(): void {
    this.#running = false
    for (const lease of this.#leases.values()) lease.timer?.cancel()
  }

  resume(): void {
    this.#running = true
    for (const lease of this.#leases.values()) this.#arm(lease)
  }

  /** Resolves when no revocation is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#leases.values()].map((lease) => lease.revoking))
  }

  #arm(lease: Kept): void {
    lease.timer?.cancel()
    if (!this.#running || lease.irrevocable) return
    const delayMs = Math.max(0, lease.expiresMs - this.#clock.wallMs())
    lease.timer = this.#clock.schedule(delayMs, () => this.expire(lease.id))
  }

  #tryRevoke(lease: Kept): void {
    lease.timer?.cancel()
    if (!this.#running) return
    this.#revoke(lease).catch(() => {
      lease.tries += 1
      lease.irrevocable = lease.tries >= revokeTries
      if (lease.irrevocable || !this.#running || !this.#leases.has(lease.id)) return
      lease.timer = this.#clock.schedule(firstRetryMs * 2 ** (lease.tries - 1), () => this.#tryRevoke(lease))
    })
  }

  #revoke(lease: Kept): Promise<void> {
    lease.revoking ??= this.#end(lease).finally(() => {
      lease.revoking = undefined
    })
    return lease.revoking
  }

  async #end(lease: Kept): Promise<void> {
    await lease.secret.revoke().catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error)
      throw new Refusal(400, [`failed to revoke entry: resp: (*logical.Response)(nil) err: ${text}`])
    })
    this.forget(lease.id)
  }
}

const listedText = (error: unknown): string =>
  `1 error occurred:\n\t* ${error instanceof Error ? error.message : String(error)}\n\n`
