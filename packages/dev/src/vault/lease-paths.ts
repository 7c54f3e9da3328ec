/**
 * `sys/leases`: looking at leases, prolonging and ending them.
 * @see https://developer.hashicorp.com/vault/api-docs/system/leases
 * @module
 */
import type { Clock } from '@chaveiro/rotation'
import type { LogicalRequest } from './exchange.js'
import { flagField, secondsField, textField } from './fields.js'
import type { LeaseManager } from './lease-manager.js'
import { badRequest, notFound, unsupportedOperation, unsupportedPath } from './refusal.js'
import { nothing, type Reply } from './reply.js'
import type { TokenStore } from './token/token-store.js'

export class LeasePaths {
  readonly #clock: Clock
  readonly #leases: LeaseManager
  readonly #tokens: TokenStore

  constructor(clock: Clock, leases: LeaseManager, tokens: TokenStore) {
    this.#clock = clock
    this.#leases = leases
    this.#tokens = tokens
  }

  /** @param below - path below `leases/` */
  async handle(request: LogicalRequest, below: string): Promise<Reply> {
    const [verb = '', ...rest] = below.split('/')
    const named = rest.join('/')
    if (verb === 'lookup' && request.operation === 'list') return this.#list(named)
    if (verb === 'count' && request.operation === 'read') return this.#count(request)
    if (request.operation !== 'update') throw unsupportedOperation()
    switch (verb) {
      case 'lookup':
        return this.#lookup(leaseIdOf(request, named))
      case 'renew':
        return this.#renew(leaseIdOf(request, named), secondsField(request.body, 'increment'))
      case 'revoke':
        return this.#revoke(leaseIdOf(request, named), flagField(request.body, 'sync') ?? false)
      case 'revoke-prefix':
        if (flagField(request.body, 'sync')) await this.revokePrefix(named)
        else for (const id of this.#below(named)) this.#expire(id)
        return nothing
      case 'revoke-force':
        return this.#revokeForce(named)
      default:
        throw unsupportedPath()
    }
  }

  /** @throws {Refusal} 400 at the first that cannot be revoked */
  async revokePrefix(prefix: string): Promise<void> {
    for (const id of this.#below(prefix)) {
      this.#revokeToken(id)
      await this.#leases.revoke(id)
    }
  }

  async #revokeForce(prefix: string): Promise<Reply> {
    for (const id of this.#below(prefix)) {
      this.#revokeToken(id)
      await this.#leases.revoke(id).catch(() => this.#leases.forget(id))
    }
    return nothing
  }

  #lookup(id: string): Reply {
    const lease = this.#leases.get(id)
    if (!lease) throw badRequest('invalid lease')
    const renewed = lease.lastRenewalMs
    const data = {
      expire_time: new Date(lease.expiresMs).toISOString(),
      id,
      issue_time: new Date(lease.issuedMs).toISOString(),
      last_renewal: renewed === undefined ? null : new Date(renewed).toISOString(),
      renewable: lease.renewable,
      ttl: Math.max(0, Math.floor((lease.expiresMs - this.#clock.wallMs()) / 1000)),
    }
    return { data }
  }

  async #renew(id: string, incrementSeconds: number | undefined): Promise<Reply> {
    const { seconds, warnings, renewable } = await this.#leases.renew(id, incrementSeconds)
    return { lease: { id, ttlSeconds: Math.floor(seconds), renewable }, warnings }
  }

  async #revoke(id: string, sync: boolean): Promise<Reply> {
    this.#revokeToken(id)
    if (sync) await this.#leases.revoke(id)
    else this.#leases.expire(id)
    return nothing
  }

  #list(prefix: string): Reply {
    const below = prefix === '' ? '' : `${prefix.replace(/\/$/, '')}/`
    const keys = new Set<string>()
    for (const id of this.#all()) {
      if (!id.startsWith(below)) continue
      const [head = '', ...rest] = id.slice(below.length).split('/')
      keys.add(rest.length > 0 ? `${head}/` : head)
    }
    if (keys.size === 0) throw notFound()
    return { data: { keys: [...keys].sort() } }
  }

  #count({ query }: LogicalRequest): Reply {
    if (query.get('type') !== 'irrevocable') throw notFound()
    return { data: { counts: {}, lease_count: this.#leases.irrevocable.length } }
  }

  #all(): string[] {
    return [...this.#leases.ids, ...this.#tokens.leaseIds]
  }

  #below(prefix: string): string[] {
    return this.#all().filter((id) => id.startsWith(prefix))
  }

  #expire(id: string): void {
    this.#revokeToken(id)
    this.#leases.expire(id)
  }

  #revokeToken(leaseId: string): void {
    const entry = this.#tokens.byLeaseId(leaseId)
    if (entry) this.#tokens.revoke(entry.id)
  }
}

function leaseIdOf({ body }: LogicalRequest, named: string): string {
  const id = named || textField(body, 'lease_id')
  if (!id) throw badRequest('lease_id must be specified')
  return id
}
