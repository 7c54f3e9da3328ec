/**
 * Leases: how long a dynamic secret lives, and its end.
 * @see https://developer.hashicorp.com/vault/api-docs/system/leases
 * @module
 */
import { PermissionDeniedError } from './errors.js'
import type { CallOptions, VaultApi, VaultRequest } from './request.js'

export interface LeaseRenewal {
  /** Granted from now. */
  readonly ttlSeconds: number
  readonly renewable: boolean
}

export interface LeaseInfo {
  readonly id: string
  readonly issueTime: string
  readonly expireTime: string | undefined
  readonly lastRenewal: string | undefined
  readonly renewable: boolean
  readonly ttlSeconds: number
}

interface LookupBody {
  readonly id: string
  readonly issue_time: string
  readonly expire_time: string | null
  readonly last_renewal: string | null
  readonly renewable: boolean
  readonly ttl: number
}

export class Leases {
  readonly #api: VaultApi
  /** Found out by trying: which of two ways the token's policy allows. */
  #namedIsDenied = false

  constructor(api: VaultApi) {
    this.#api = api
  }

  /**
   * The lease is named in the path, so that a policy can allow `sys/leases/renew/database/creds/ROLE/*` and nothing
   * else. A token that may not is tried once more as Vault's `default` policy lets every token renew any lease.
   * @param options.incrementSeconds - the TTL to ask for, counted from now; Vault may grant less
   * @throws {LeaseNotFoundError}; {BackendUnavailableError} when the engine could not prolong the secret
   */
  async renew(
    leaseId: string,
    { incrementSeconds, ...options }: CallOptions & { incrementSeconds?: number } = {},
  ): Promise<LeaseRenewal> {
    const increment = incrementSeconds === undefined ? {} : { increment: Math.ceil(incrementSeconds) }
    const named = { path: `sys/leases/renew/${leaseId}`, body: increment }
    const unnamed = { path: 'sys/leases/renew', body: { lease_id: leaseId, ...increment } }
    const [first, second] = this.#namedIsDenied ? [unnamed, named] : [named, unnamed]
    try {
      return await this.#renewAt({ ...options, ...first })
    } catch (error) {
      if (!(error instanceof PermissionDeniedError)) throw error
      const renewal = await this.#renewAt({ ...options, ...second }).catch((again: unknown) => {
        throw again instanceof PermissionDeniedError ? error : again
      })
      this.#namedIsDenied = !this.#namedIsDenied
      return renewal
    }
  }

  async #renewAt(request: CallOptions & Pick<VaultRequest, 'path' | 'body'>): Promise<LeaseRenewal> {
    const { leaseSeconds, renewable } = await this.#api.request({
      ...request,
      method: 'POST',
      operation: 'lease_renew',
    })
    return { ttlSeconds: leaseSeconds, renewable }
  }

  /**
   * Revokes, and waits until the secret is gone. The lease is named in the path, so that a policy can allow
   * `sys/leases/revoke/database/creds/ROLE/*` and nothing else. Revoking an unknown lease succeeds.
   * @throws {BackendUnavailableError} when the engine could not end the secret; Vault tries again by itself
   */
  async revoke(leaseId: string, options: CallOptions = {}): Promise<void> {
    await this.#api.request({
      ...options,
      method: 'POST',
      path: `sys/leases/revoke/${leaseId}`,
      body: { sync: true },
      operation: 'lease_revoke',
    })
  }

  /** Revokes all leases below a prefix. Needs `sudo`. */
  async revokePrefix(prefix: string, options: CallOptions = {}): Promise<void> {
    await this.#api.request({
      ...options,
      method: 'POST',
      path: `sys/leases/revoke-prefix/${prefix}`,
      body: { sync: true },
      operation: 'lease_revoke',
    })
  }

  /** @throws {LeaseNotFoundError} */
  async lookup(leaseId: string, options: CallOptions = {}): Promise<LeaseInfo> {
    const { data } = await this.#api.request<LookupBody>({
      ...options,
      method: 'POST',
      path: 'sys/leases/lookup',
      body: { lease_id: leaseId },
      operation: 'lease_lookup',
      idempotent: true,
    })
    return {
      id: data.id,
      issueTime: data.issue_time,
      expireTime: data.expire_time ?? undefined,
      lastRenewal: data.last_renewal ?? undefined,
      renewable: data.renewable,
      ttlSeconds: data.ttl,
    }
  }

  /** Names below a prefix; those that end in `/` are prefixes themselves. Needs `sudo`. */
  async list(prefix = '', options: CallOptions = {}): Promise<readonly string[]> {
    const below = prefix.replace(/\/$/, '')
    const { data, status } = await this.#api.request<{ keys: readonly string[] }>({
      ...options,
      method: 'LIST',
      path: `sys/leases/lookup${below && `/${below}`}`,
      operation: 'lease_lookup',
      idempotent: true,
      accepts: [404],
    })
    return status === 404 ? [] : data.keys
  }

  /** Leases that Vault has given up revoking. Needs `sudo`. */
  async countIrrevocable(options: CallOptions = {}): Promise<number> {
    const { data } = await this.#api.request<{ lease_count: number }>({
      ...options,
      method: 'GET',
      path: 'sys/leases/count',
      query: { type: 'irrevocable' },
      operation: 'lease_lookup',
      idempotent: true,
    })
    return data.lease_count
  }
}
