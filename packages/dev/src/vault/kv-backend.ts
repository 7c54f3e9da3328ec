/**
 * KV version 2: secrets with versions, in memory.
 * @see https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
 * @module
 */

import type { Clock } from '@chaveiro/rotation'
import {
  type Backend,
  badRequest,
  type LogicalRequest,
  notFound,
  nothing,
  Refusal,
  type Reply,
  unsupportedOperation,
} from './exchange.js'
import { flagField, numberField, recordField } from './fields.js'

interface Version {
  readonly createdTime: string
  data: Readonly<Record<string, unknown>> | undefined
  deletionTime: string
  destroyed: boolean
}

interface KvEntry {
  readonly versions: Map<number, Version>
  readonly createdTime: string
  updatedTime: string
  current: number
  maxVersions: number
  casRequired: boolean
  customMetadata: Readonly<Record<string, string>> | null
}

const defaultMaxVersions = 10

export class KvBackend implements Backend {
  readonly type = 'kv'
  readonly #clock: Clock
  readonly #entries = new Map<string, KvEntry>()
  #maxVersions = 0
  #casRequired = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  exists(path: string): boolean {
    const [, name] = split(path)
    return this.#entries.has(name)
  }

  handle(request: LogicalRequest): Reply {
    const [part, name] = split(request.path)
    if (part === 'config' && name === '') return this.#config(request)
    if (part === 'metadata' && request.operation === 'list') return this.#list(name)
    if (name === '' && (part === 'data' || part === 'metadata') && request.operation === 'read') throw notFound()
    if (name === '' || name.endsWith('/')) throw wrongPath(request)
    switch (part) {
      case 'data':
        return this.#data(request, name)
      case 'metadata':
        return this.#metadata(request, name)
      case 'delete':
      case 'undelete':
      case 'destroy':
        return this.#change(part, request, name)
      default:
        throw wrongPath(request)
    }
  }

  #data(request: LogicalRequest, name: string): Reply {
    switch (request.operation) {
      case 'read':
        return this.#read(name, request.query.get('version'))
      case 'create':
      case 'update':
        return this.#write(request, name)
      case 'delete':
        this.#markDeleted(name, [this.#entries.get(name)?.current ?? 0])
        return nothing
      default:
        throw unsupportedOperation()
    }
  }

  #read(name: string, asked: string | null): Reply {
    if (asked !== null && !/^\d+$/.test(asked)) {
      throw badRequest(
        `Field validation failed: error converting input for field "version": cannot parse '' as int: strconv.ParseInt: parsing "${asked}": invalid syntax`,
      )
    }
    const entry = this.#entries.get(name)
    const number = Number(asked ?? 0) || (entry?.current ?? 0)
    const version = entry?.versions.get(number)
    if (!entry || !version) throw notFound()
    const metadata = { ...versionBody(version), custom_metadata: entry.customMetadata, version: number }
    const readable = !version.destroyed && version.deletionTime === ''
    const reply = { data: { data: readable ? version.data : null, metadata } }
    if (readable) return reply
    throw new Refusal(404, [], reply)
  }

  #write({ body }: LogicalRequest, name: string): Reply {
    const data = recordField(body, 'data')
    if (data === undefined) throw badRequest('no data provided')
    const entry = this.#entries.get(name)
    const cas = numberField(recordField(body, 'options') ?? {}, 'cas')
    if (cas === undefined && (this.#casRequired || entry?.casRequired)) {
      throw badRequest('check-and-set parameter required for this call')
    }
    if (cas !== undefined && cas !== (entry?.current ?? 0)) {
      throw badRequest('check-and-set parameter did not match the current version')
    }
    const createdTime = this.#now()
    const kept = entry ?? this.#newEntry(name, createdTime)
    const version: Version = { createdTime, data, deletionTime: '', destroyed: false }
    kept.current += 1
    kept.updatedTime = createdTime
    kept.versions.set(kept.current, version)
    kept.versions.delete(kept.current - (kept.maxVersions || this.#maxVersions || defaultMaxVersions))
    return { data: { ...versionBody(version), custom_metadata: kept.customMetadata, version: kept.current } }
  }

  #newEntry(name: string, createdTime: string): KvEntry {
    const entry: KvEntry = {
      versions: new Map(),
      createdTime,
      updatedTime: createdTime,
      current: 0,
      maxVersions: 0,
      casRequired: false,
      customMetadata: null,
    }
    this.#entries.set(name, entry)
    return entry
  }

  #metadata({ operation, body }: LogicalRequest, name: string): Reply {
    if (operation === 'delete') {
      this.#entries.delete(name)
      return nothing
    }
    if (operation === 'create' || operation === 'update') {
      refuseTimedDeletion(body)
      const entry = this.#entries.get(name) ?? this.#newEntry(name, this.#now())
      entry.maxVersions = numberField(body, 'max_versions') ?? entry.maxVersions
      entry.casRequired = flagField(body, 'cas_required') ?? entry.casRequired
      const custom = recordField(body, 'custom_metadata') as Record<string, string> | undefined
      entry.customMetadata = custom ?? entry.customMetadata
      return nothing
    }
    if (operation !== 'read') throw unsupportedOperation()
    const entry = this.#entries.get(name)
    if (!entry) throw notFound()
    return { data: metadataBody(entry) }
  }

  #list(prefix: string): Reply {
    const below = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`
    const keys = new Set<string>()
    for (const name of this.#entries.keys()) {
      if (!name.startsWith(below)) continue
      const [head = '', ...rest] = name.slice(below.length).split('/')
      keys.add(rest.length > 0 ? `${head}/` : head)
    }
    if (keys.size === 0) throw notFound()
    return { data: { keys: [...keys].sort() } }
  }

  #change(part: 'delete' | 'undelete' | 'destroy', { operation, body }: LogicalRequest, name: string): Reply {
    if (operation !== 'create' && operation !== 'update') throw unsupportedOperation()
    const versions = Array.isArray(body.versions) ? body.versions.map(Number) : []
    if (versions.length === 0) throw badRequest('No version number provided')
    if (part === 'delete') this.#markDeleted(name, versions)
    for (const version of this.#versions(name, versions)) {
      if (part === 'undelete' && !version.destroyed) version.deletionTime = ''
      if (part === 'destroy') {
        version.destroyed = true
        version.data = undefined
      }
    }
    return nothing
  }

  #markDeleted(name: string, numbers: readonly number[]): void {
    for (const version of this.#versions(name, numbers)) {
      if (!version.destroyed && version.deletionTime === '') version.deletionTime = this.#now()
    }
  }

  #versions(name: string, numbers: readonly number[]): Version[] {
    const versions = this.#entries.get(name)?.versions
    return numbers.flatMap((number) => versions?.get(number) ?? [])
  }

  #config({ operation, body }: LogicalRequest): Reply {
    if (operation === 'read') {
      return { data: { cas_required: this.#casRequired, delete_version_after: '0s', max_versions: this.#maxVersions } }
    }
    if (operation !== 'create' && operation !== 'update') throw unsupportedOperation()
    refuseTimedDeletion(body)
    this.#maxVersions = numberField(body, 'max_versions') ?? this.#maxVersions
    this.#casRequired = flagField(body, 'cas_required') ?? this.#casRequired
    return nothing
  }

  #now(): string {
    return new Date(this.#clock.wallMs()).toISOString()
  }
}

function split(path: string): readonly [part: string, name: string] {
  const slash = path.indexOf('/')
  return slash < 0 ? [path, ''] : [path.slice(0, slash), path.slice(slash + 1)]
}

/** To take it and do nothing would be a lie. */
function refuseTimedDeletion(body: Readonly<Record<string, unknown>>): void {
  const after = body.delete_version_after
  if (after !== undefined && !/^0s?$/.test(String(after))) {
    throw badRequest('the embedded server does not delete versions by time (delete_version_after)')
  }
}

function wrongPath({ operation }: LogicalRequest): Refusal {
  const command =
    operation === 'read' ? 'get' : operation === 'list' ? 'list' : operation === 'delete' ? 'delete' : 'put'
  const warning =
    'Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. ' +
    `If using the Vault CLI, use 'vault kv ${command}' for this operation.`
  return new Refusal(404, [], { data: null, warnings: [warning] })
}

const versionBody = ({ createdTime, deletionTime, destroyed }: Version) => ({
  created_time: createdTime,
  deletion_time: deletionTime,
  destroyed,
})

function metadataBody(entry: KvEntry) {
  const numbers = [...entry.versions.keys()]
  const oldest = Math.min(...numbers)
  return {
    cas_required: entry.casRequired,
    created_time: entry.createdTime,
    current_version: entry.current,
    custom_metadata: entry.customMetadata,
    delete_version_after: '0s',
    max_versions: entry.maxVersions,
    oldest_version: oldest > 1 && Number.isFinite(oldest) ? oldest : 0,
    updated_time: entry.updatedTime,
    versions: Object.fromEntries([...entry.versions].map(([number, version]) => [number, versionBody(version)])),
  }
}
