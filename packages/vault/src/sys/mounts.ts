/**
 * What is mounted where: secrets engines and auth methods alike.
 * @see https://developer.hashicorp.com/vault/api-docs/system/mounts
 * @see https://developer.hashicorp.com/vault/api-docs/system/auth
 * @module
 */
import type { CallOptions, VaultApi } from '../request.js'

export interface Mount {
  /** Ends in `/`. */
  readonly path: string
  readonly type: string
  readonly description: string
  readonly options: Readonly<Record<string, string>>
}

export interface MountRequest {
  /** For instance `kv`, `database`, `jwt`. */
  readonly type: string
  readonly description?: string
  /** For KV: `{ version: '2' }`. */
  readonly options?: Readonly<Record<string, string>>
}

/** Lives of the leases and tokens of a mount, in seconds. */
export interface MountTuning {
  readonly defaultLeaseTtlSeconds?: number
  readonly maxLeaseTtlSeconds?: number
}

interface MountBody {
  readonly type: string
  readonly description: string
  readonly options: Readonly<Record<string, string>> | null
}

export class Mounts {
  readonly #api: VaultApi
  readonly #root: string

  constructor(api: VaultApi, root: 'sys/mounts' | 'sys/auth') {
    this.#api = api
    this.#root = root
  }

  async list(options: CallOptions = {}): Promise<readonly Mount[]> {
    const { data } = await this.#api.request<Readonly<Record<string, MountBody>>>({
      ...options,
      method: 'GET',
      path: this.#root,
      operation: 'sys',
      idempotent: true,
    })
    return Object.entries(data).map(([path, { type, description, options }]) => ({
      path,
      type,
      description,
      options: options ?? {},
    }))
  }

  /** @throws {InvalidRequestError} when the path is in use */
  async enable(path: string, mount: MountRequest, options: CallOptions = {}): Promise<void> {
    await this.#api.request({ ...options, ...this.#at('POST', path), body: { ...mount } })
  }

  /** Unmounts, and revokes what was leased there. Harmless when nothing is mounted. */
  async disable(path: string, options: CallOptions = {}): Promise<void> {
    await this.#api.request({ ...options, ...this.#at('DELETE', path) })
  }

  async tune(path: string, tuning: MountTuning, options: CallOptions = {}): Promise<void> {
    const { defaultLeaseTtlSeconds, maxLeaseTtlSeconds } = tuning
    const body = {
      ...(defaultLeaseTtlSeconds !== undefined && { default_lease_ttl: `${defaultLeaseTtlSeconds}s` }),
      ...(maxLeaseTtlSeconds !== undefined && { max_lease_ttl: `${maxLeaseTtlSeconds}s` }),
    }
    await this.#api.request({ ...options, ...this.#at('POST', `${path}/tune`), body })
  }

  #at<M extends 'POST' | 'DELETE'>(method: M, path: string) {
    return { method, path: `${this.#root}/${path}`, operation: 'sys' } as const
  }
}
