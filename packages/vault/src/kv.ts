/**
 * KV version 2: secrets with versions.
 * @see https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
 * @module
 */
import { SecretDeletedError, vaultError } from './errors.js'
import type { CallOptions, VaultApi, VaultRequest } from './request.js'

export interface KvSecret {
  /** Any JSON: handle its values as secrets. */
  readonly data: Readonly<Record<string, unknown>>
  readonly version: number
  /** RFC 3339. */
  readonly createdTime: string
  readonly customMetadata: Readonly<Record<string, string>>
}

export interface KvVersion {
  readonly version: number
  readonly createdTime: string
  /** RFC 3339; undefined when it is not deleted. */
  readonly deletionTime: string | undefined
  readonly destroyed: boolean
}

/** All about a secret but its values. */
export interface KvMetadata {
  readonly currentVersion: number
  readonly oldestVersion: number
  readonly maxVersions: number
  readonly casRequired: boolean
  readonly createdTime: string
  readonly updatedTime: string
  readonly customMetadata: Readonly<Record<string, string>>
  /** Oldest first. */
  readonly versions: readonly KvVersion[]
}

export interface KvWriteOptions extends CallOptions {
  /** Writes only when this is the current version; 0: only when there is none. Default: whatever is there. */
  readonly cas?: number
}

interface VersionBody {
  readonly created_time: string
  readonly deletion_time: string
  readonly destroyed: boolean
  readonly version: number
  readonly custom_metadata?: Readonly<Record<string, string>> | null
}

interface ReadBody {
  readonly data: Readonly<Record<string, unknown>> | null
  readonly metadata: VersionBody
}

interface MetadataBody {
  readonly current_version: number
  readonly oldest_version: number
  readonly max_versions: number
  readonly cas_required: boolean
  readonly created_time: string
  readonly updated_time: string
  readonly custom_metadata: Readonly<Record<string, string>> | null
  readonly versions: Readonly<Record<string, Omit<VersionBody, 'version'>>>
}

type Part = 'data' | 'metadata' | 'delete' | 'undelete' | 'destroy'

/** Paths are given without `data/` or `metadata/`. */
export class KvV2 {
  readonly #api: VaultApi
  readonly #mount: string

  constructor(api: VaultApi, mount: string) {
    this.#api = api
    this.#mount = mount
  }

  /**
   * The newest version, or the one asked for.
   * @throws {NotFoundError} when there is none; {SecretDeletedError} when it was deleted or destroyed
   */
  async read(path: string, { version, ...options }: CallOptions & { version?: number } = {}): Promise<KvSecret> {
    const request = this.#request('GET', 'data', path, 'kv_read', options)
    const query: VaultRequest['query'] = version === undefined ? {} : { version }
    const { data, status, requestId } = await this.#api.request<ReadBody | null | undefined>({
      ...request,
      query,
      idempotent: true,
      accepts: [404],
    })
    const details = { operation: request.operation, path: request.path, status, requestId }
    const metadata = data?.metadata
    // Deleted and never there are both 404; only the former says which version.
    if (!metadata) throw vaultError('ERR_VAULT_NOT_FOUND', 'no such secret or version', details)
    if (data.data === null) {
      const { version: deleted, destroyed } = metadata
      const message = `version ${deleted} was ${destroyed ? 'destroyed' : `deleted at ${metadata.deletion_time}`}`
      throw new SecretDeletedError(message, { ...details, version: deleted, destroyed })
    }
    const { version: read, created_time: createdTime, custom_metadata } = metadata
    return { data: data.data, version: read, createdTime, customMetadata: custom_metadata ?? {} }
  }

  /**
   * Writes a new version.
   * @throws {CasMismatchError} when `cas` is not the current version, or is required and absent
   */
  async write(path: string, data: Readonly<Record<string, unknown>>, options: KvWriteOptions = {}): Promise<KvVersion> {
    const { cas, ...call } = options
    const body = { data, options: cas === undefined ? {} : { cas } }
    const { data: written } = await this.#api.request<VersionBody>({
      ...this.#request('POST', 'data', path, 'kv_write', call),
      body,
    })
    return versionOf(written, written.version)
  }

  /** Versions and custom metadata; no values. @throws {NotFoundError} */
  async metadata(path: string, options: CallOptions = {}): Promise<KvMetadata> {
    const request = { ...this.#request('GET', 'metadata', path, 'kv_read', options), idempotent: true }
    const { data } = await this.#api.request<MetadataBody>(request)
    const versions = Object.entries(data.versions).map(([number, version]) => versionOf(version, Number(number)))
    return {
      currentVersion: data.current_version,
      oldestVersion: data.oldest_version,
      maxVersions: data.max_versions,
      casRequired: data.cas_required,
      createdTime: data.created_time,
      updatedTime: data.updated_time,
      customMetadata: data.custom_metadata ?? {},
      versions: versions.sort((left, right) => left.version - right.version),
    }
  }

  /** Names below a path; those that end in `/` have names below them. Nothing there: an empty list. */
  async list(path = '', options: CallOptions = {}): Promise<readonly string[]> {
    const request = this.#request('LIST', 'metadata', path.replace(/\/$/, ''), 'kv_list', options)
    const { data, status } = await this.#api.request<{ keys: readonly string[] }>({
      ...request,
      idempotent: true,
      accepts: [404],
    })
    return status === 404 ? [] : data.keys
  }

  /** Deletes versions, so that they can be undeleted. @param versions - default: the newest */
  async delete(path: string, versions?: readonly number[], options: CallOptions = {}): Promise<void> {
    if (versions) return this.#change('delete', path, versions, options)
    await this.#api.request(this.#request('DELETE', 'data', path, 'kv_delete', options))
  }

  undelete(path: string, versions: readonly number[], options: CallOptions = {}): Promise<void> {
    return this.#change('undelete', path, versions, options)
  }

  /** Removes the values of versions for good. */
  destroy(path: string, versions: readonly number[], options: CallOptions = {}): Promise<void> {
    return this.#change('destroy', path, versions, options)
  }

  /** Removes the secret, all versions and all metadata, for good. */
  async deleteMetadata(path: string, options: CallOptions = {}): Promise<void> {
    await this.#api.request(this.#request('DELETE', 'metadata', path, 'kv_delete', options))
  }

  async #change(part: Part, path: string, versions: readonly number[], options: CallOptions): Promise<void> {
    await this.#api.request({ ...this.#request('POST', part, path, 'kv_delete', options), body: { versions } })
  }

  #request(
    method: VaultRequest['method'],
    part: Part,
    path: string,
    operation: string,
    options: CallOptions,
  ): VaultRequest {
    return { ...options, method, path: `${this.#mount}/${part}${path && `/${path}`}`, operation }
  }
}

function versionOf(body: Omit<VersionBody, 'version'>, version: number): KvVersion {
  return {
    version,
    createdTime: body.created_time,
    deletionTime: body.deletion_time || undefined,
    destroyed: body.destroyed,
  }
}
