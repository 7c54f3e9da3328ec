/**
 * The system backend: health, seal, mounts and policies.
 * @see https://developer.hashicorp.com/vault/api-docs/system
 * @module
 */
import { Secret } from '@chaveiro/rotation'
import type { VaultState } from './channels.js'
import type { CallOptions, VaultApi, VaultMethod } from './request.js'
import { type Health, healthCodes, readHealth } from './sys/health.js'
import { Mounts } from './sys/mounts.js'
import { Policies } from './sys/policies.js'

/** How far an unseal has come. */
export interface SealStatus {
  readonly type: string
  readonly initialized: boolean
  readonly sealed: boolean
  /** Shares that an unseal needs. */
  readonly threshold: number
  readonly shares: number
  /** Shares given so far. */
  readonly progress: number
  readonly version: string
  readonly storageType: string
}

export interface Initialization {
  readonly keys: readonly Secret[]
  readonly rootToken: Secret
}

export interface Leader {
  readonly highlyAvailable: boolean
  readonly isSelf: boolean
  readonly leaderAddress: string
}

interface SealStatusBody {
  readonly type: string
  readonly initialized: boolean
  readonly sealed: boolean
  readonly t: number
  readonly n: number
  readonly progress: number
  readonly version: string
  readonly storage_type: string
}

export class Sys {
  /** Secrets engines. */
  readonly mounts: Mounts
  /** Auth methods. */
  readonly auth: Mounts
  readonly policies: Policies
  readonly #api: VaultApi
  readonly #seen: (state: VaultState) => void

  /** @param seen - told which state a health check found */
  constructor(api: VaultApi, seen: (state: VaultState) => void) {
    this.#api = api
    this.#seen = seen
    this.mounts = new Mounts(api, 'sys/mounts')
    this.auth = new Mounts(api, 'sys/auth')
    this.policies = new Policies(api)
  }

  /**
   * What this node is. Sealed, standby and uninitialised are answers, not errors.
   * @throws {VaultUnreachableError} when there is no answer
   */
  async health(options: CallOptions = {}): Promise<Health> {
    const { status, data } = await this.#api.request<Record<string, unknown>>({
      ...options,
      ...this.#anonymous('GET', 'sys/health', 'health'),
      idempotent: true,
      accepts: healthCodes,
    })
    const health = readHealth(status, data)
    this.#seen(health.state)
    return health
  }

  async sealStatus(options: CallOptions = {}): Promise<SealStatus> {
    const request = { ...options, ...this.#anonymous('GET', 'sys/seal-status', 'seal_status'), idempotent: true }
    return sealStatusOf((await this.#api.request<SealStatusBody>(request)).data)
  }

  /**
   * Initialises a new server: the only time that the key shares and the root token are shown.
   * @throws {InvalidRequestError} when it is initialised already
   */
  async init(
    { shares, threshold }: { shares: number; threshold: number },
    options: CallOptions = {},
  ): Promise<Initialization> {
    const { data } = await this.#api.request<{ keys_base64: readonly string[]; root_token: string }>({
      ...options,
      ...this.#anonymous('POST', 'sys/init', 'sys'),
      body: { secret_shares: shares, secret_threshold: threshold },
    })
    return { keys: data.keys_base64.map((key) => new Secret(key)), rootToken: new Secret(data.root_token) }
  }

  /**
   * Gives one key share. Shares are judged together, at the threshold: one wrong share fails them all.
   * @throws {InvalidRequestError} for shares that do not fit; {UninitializedError}
   */
  async unseal(key: Secret, options: CallOptions = {}): Promise<SealStatus> {
    const request = { ...options, ...this.#anonymous('POST', 'sys/unseal', 'seal_status'), body: { key: key.expose() } }
    return sealStatusOf((await this.#api.request<SealStatusBody>(request)).data)
  }

  /** Forgets the shares that were given so far. */
  async resetUnseal(options: CallOptions = {}): Promise<SealStatus> {
    const request = { ...options, ...this.#anonymous('POST', 'sys/unseal', 'seal_status'), body: { reset: true } }
    return sealStatusOf((await this.#api.request<SealStatusBody>(request)).data)
  }

  /** Seals the server: nothing is answered until it is unsealed. Needs `sudo`. */
  async seal(options: CallOptions = {}): Promise<void> {
    await this.#api.request({ ...options, method: 'POST', path: 'sys/seal', operation: 'sys' })
  }

  async leader(options: CallOptions = {}): Promise<Leader> {
    const { data } = await this.#api.request<{ ha_enabled: boolean; is_self: boolean; leader_address: string }>({
      ...options,
      ...this.#anonymous('GET', 'sys/leader', 'sys'),
      idempotent: true,
    })
    return { highlyAvailable: data.ha_enabled, isSelf: data.is_self, leaderAddress: data.leader_address }
  }

  /** What the client's token may do at each path; `deny` alone means nothing. */
  async capabilitiesSelf(paths: readonly string[], options: CallOptions = {}): Promise<ReadonlyMap<string, string[]>> {
    const { data } = await this.#api.request<Record<string, string[]>>({
      ...options,
      method: 'POST',
      path: 'sys/capabilities-self',
      body: { paths },
      operation: 'sys',
      idempotent: true,
    })
    return new Map(paths.map((path) => [path, data[path] ?? []]))
  }

  #anonymous<M extends VaultMethod>(method: M, path: string, operation: string) {
    return { method, path, operation, anonymous: true } as const
  }
}

function sealStatusOf(body: SealStatusBody): SealStatus {
  const { type, initialized, sealed, t: threshold, n: shares, progress, version, storage_type: storageType } = body
  return { type, initialized, sealed, threshold, shares, progress, version, storageType }
}
