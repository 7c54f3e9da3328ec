/**
 * Tokens: a tree, in which whatever hangs on a token ends with it.
 * @module
 */
import { createHash } from 'node:crypto'
import type { Clock, Timer } from '@chaveiro/rotation'
import type { LeaseManager } from '../lease-manager.js'
import { randomName } from '../random.js'
import { Refusal } from '../refusal.js'
import { type GrantedTtl, grantTtl, type MountTtls } from '../ttl.js'

/** Bounds of a token's life, in seconds; absent or 0: none. */
export interface TokenLife {
  readonly ttlSeconds?: number | undefined
  readonly maxTtlSeconds?: number | undefined
  readonly explicitMaxTtlSeconds?: number | undefined
  readonly periodSeconds?: number | undefined
}

export interface TokenEntry {
  readonly id: string
  /** Empty for a batch token. */
  readonly accessor: string
  readonly type: 'service' | 'batch'
  readonly policies: readonly string[]
  readonly displayName: string
  readonly metadata: Readonly<Record<string, string>> | null
  readonly entityId: string
  /** Path of the request that made it. */
  readonly path: string
  readonly parent: string | undefined
  readonly orphan: boolean
  readonly renewable: boolean
  readonly createdMs: number
  readonly creationTtlSeconds: number
  /** Asked again at each renewal: a role may have been changed. */
  readonly life: () => TokenLife
  readonly mount: MountTtls
  numUses: number
  /** Undefined: never. */
  expiresMs: number | undefined
  lastRenewalMs: number | undefined
}

export interface NewToken {
  readonly id?: string
  readonly type?: 'service' | 'batch'
  readonly policies: readonly string[]
  readonly displayName: string
  readonly metadata?: Readonly<Record<string, string>> | null
  readonly entityId?: string
  readonly path: string
  readonly parent?: string | undefined
  readonly orphan?: boolean
  readonly renewable?: boolean
  readonly numUses?: number
  readonly life: () => TokenLife
  readonly mount: MountTtls
  /** Lives until it is revoked. */
  readonly endless?: boolean
}

export class TokenStore {
  readonly #clock: Clock
  readonly #leases: LeaseManager
  readonly #tokens = new Map<string, TokenEntry>()
  readonly #timers = new Map<string, Timer>()

  constructor(clock: Clock, leases: LeaseManager) {
    this.#clock = clock
    this.#leases = leases
  }

  create(wanted: NewToken): { entry: TokenEntry; warnings: readonly string[] } {
    const nowMs = this.#clock.wallMs()
    const { type = 'service', endless = false, orphan = false, life, mount } = wanted
    const none: GrantedTtl = { seconds: 0, warnings: [] }
    const granted = endless ? none : grantTtl({ ...life(), issuedMs: nowMs, nowMs, mount })
    const entry: TokenEntry = {
      id: wanted.id ?? (type === 'batch' ? `hvb.${randomName(138)}` : `hvs.${randomName(91)}`),
      accessor: type === 'batch' ? '' : randomName(24),
      type,
      policies: wanted.policies,
      displayName: wanted.displayName,
      metadata: wanted.metadata ?? null,
      entityId: wanted.entityId ?? '',
      path: wanted.path,
      parent: orphan ? undefined : wanted.parent,
      orphan,
      renewable: type === 'service' && !endless && (wanted.renewable ?? true),
      createdMs: nowMs,
      creationTtlSeconds: Math.floor(granted.seconds),
      life,
      mount,
      numUses: wanted.numUses ?? 0,
      expiresMs: endless ? undefined : nowMs + granted.seconds * 1000,
      lastRenewalMs: undefined,
    }
    this.#tokens.set(entry.id, entry)
    this.#arm(entry)
    return { entry, warnings: granted.warnings }
  }

  /** A living token. */
  get(id: string): TokenEntry | undefined {
    const entry = this.#tokens.get(id)
    return entry && (entry.expiresMs === undefined || entry.expiresMs > this.#clock.wallMs()) ? entry : undefined
  }

  byAccessor(accessor: string): TokenEntry | undefined {
    const entry = [...this.#tokens.values()].find((candidate) => candidate.accessor === accessor)
    return entry && this.get(entry.id)
  }

  get accessors(): string[] {
    return [...this.#tokens.values()].map(({ accessor }) => accessor).filter((accessor) => accessor !== '')
  }

  /** A service token that ends has a lease too, at the path that made it, under a name that does not give it away. */
  get leaseIds(): string[] {
    return [...this.#tokens.values()].filter(isLeased).map(leaseIdOf)
  }

  byLeaseId(leaseId: string): TokenEntry | undefined {
    return [...this.#tokens.values()].filter(isLeased).find((entry) => leaseIdOf(entry) === leaseId)
  }

  ttlSeconds({ expiresMs }: TokenEntry): number {
    return expiresMs === undefined ? 0 : Math.max(0, Math.round((expiresMs - this.#clock.wallMs()) / 1000))
  }

  /** @throws {Refusal} 400 */
  renew(entry: TokenEntry, incrementSeconds: number | undefined): readonly string[] {
    if (entry.type === 'batch') throw new Refusal(400, ['batch tokens cannot be renewed'])
    if (!entry.renewable) throw new Refusal(400, ['lease is not renewable'])
    const nowMs = this.#clock.wallMs()
    const { createdMs: issuedMs, mount } = entry
    const granted = grantTtl({ ...entry.life(), askedSeconds: incrementSeconds, issuedMs, nowMs, mount })
    entry.lastRenewalMs = nowMs
    entry.expiresMs = nowMs + granted.seconds * 1000
    this.#arm(entry)
    return granted.warnings
  }

  /** One use less. The last one ends it when the request is done. */
  use(entry: TokenEntry): () => void {
    if (entry.numUses === 0) return () => {}
    entry.numUses -= 1
    if (entry.numUses > 0) return () => {}
    entry.numUses = -1
    return () => this.revoke(entry.id)
  }

  /** Its children and its leases end with it; the leases in the background. */
  revoke(id: string): void {
    this.#timers.get(id)?.cancel()
    this.#timers.delete(id)
    if (!this.#tokens.delete(id)) return
    this.#leases.expireOf(id)
    for (const entry of [...this.#tokens.values()]) if (entry.parent === id) this.revoke(entry.id)
  }

  pause(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  resume(): void {
    for (const entry of [...this.#tokens.values()]) this.#arm(entry)
  }

  #arm({ id, expiresMs }: TokenEntry): void {
    this.#timers.get(id)?.cancel()
    if (expiresMs === undefined) return
    const delayMs = Math.max(0, expiresMs - this.#clock.wallMs())
    this.#timers.set(
      id,
      this.#clock.schedule(delayMs, () => this.revoke(id)),
    )
  }
}

const isLeased = ({ type, expiresMs }: TokenEntry): boolean => type === 'service' && expiresMs !== undefined
const leaseIdOf = ({ id, path }: TokenEntry): string => `${path}/h${createHash('sha256').update(id).digest('hex')}`
