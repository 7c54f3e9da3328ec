/**
 * KV version 2: secrets with versions, in memory.
 * @see https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
 * @module
 */

import type { Clock } from '@chaveiro/rotation'
import type { Backend, LogicalRequest } from '../exchange.js'
import { flagField, numberField, recordField } from '../fields.js'
import { badRequest, notFound, Refusal, unsupportedOperation } from '../refusal.js'
import { nothing, type Reply } from '../reply.js'
import { mergePatch, subkeysOf } from './merge-patch.js'

type Data = Readonly<Record<string, unknown>>

interface Version {
  readonly createdTime: string
  data: Data | undefined
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
      case 'subkeys':
        if (request.operation !== 'read') throw unsupportedOperation()
        return this.#subkeys(request, name)
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
        return this.#read(name, request)
      case 'create':
      case 'update':
        return this.#write(request, name)
      case 'patch':
        return this.#patch(request, name)
      case 'delete':
        this.#markDeleted(name, [this.#entries.get(name)?.current ?? 0])
        return nothing
      default:
        throw unsupportedOperation()
    }
  }

  #read(name: string, { query }: LogicalRequest): Reply {
    return this.#show(name, query, 'data', (data) => data)
  }

  #subkeys({ query }: LogicalRequest, name: string): Reply {
    const depth = Number(query.get('depth') ?? 0)
    return this.#show(name, query, 'subkeys', (data) => subkeysOf(data, depth))
  }

  /** A version that is deleted or destroyed is shown without its data, as a 404. */
  #show(name: string, query: URLSearchParams, key: string, view: (data: Data) => Data): Reply {
    const asked = query.get('version')
    if (asked !== null && !/^\d+$/.test(asked)) {
      throw badRequest(
        `Field validation failed: error converting input for field "version": cannot parse '' as int: strconv.ParseInt: parsing "${asked}": invalid syntax`,
      )
    }
    const entry = this.#entries.get(name)
    const number = Number(asked ?? 0) || (entry?.current ?? 0)
    const version = entry?.versions.get(number)
    if (!entry || !version) throw notFound()
    const data = readable(version)
    const reply = { data: { [key]: data ? view(data) : null, metadata: described(entry, number, version) } }
    if (data) return reply
    throw new Refusal(404, [], reply)
  }

  #write({ body }: LogicalRequest, name: string): Reply {
    const data = recordField(body, 'data')
    if (data === undefined) throw badRequest('no data provided')
    const entry = this.#entries.get(name)
    this.#check(body, entry)
    return this.#add(entry ?? this.#newEntry(name, this.#now()), data)
  }

  #patch({ body }: LogicalRequest, name: string): Reply {
    const patch = recordField(body, 'data')
    if (patch === undefined) throw badRequest('no data provided')
    const entry = this.#entries.get(name)
    const version = entry?.versions.get(entry.current)
    if (!entry || !version) throw notFound()
    const data = readable(version)
    if (!data) throw new Refusal(404, [], { data: described(entry, entry.current, version) })
    this.#check(body, entry)
    return this.#add(entry, mergePatch(data, patch))
  }

  /** @throws {Refusal} 400 when the version that was read is not the current one */
  #check(body: Data, entry: KvEntry | undefined): void {
    const cas = numberField(recordField(body, 'options') ?? {}, 'cas')
    if (cas === undefined && (this.#casRequired || entry?.casRequired)) {
      throw badRequest('check-and-set parameter required for this call')
    }
    if (cas !== undefined && cas !== (entry?.current ?? 0)) {
      throw badRequest('check-and-set parameter did not match the current version')
    }
  }

  #add(entry: KvEntry, data: Data): Reply {
    const version: Version = { createdTime: this.#now(), data, deletionTime: '', destroyed: false }
    entry.current += 1
    entry.updatedTime = version.createdTime
    entry.versions.set(entry.current, version)
    entry.versions.delete(entry.current - (entry.maxVersions || this.#maxVersions || defaultMaxVersions))
    return { data: described(entry, entry.current, version) }
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
    const entry = this.#entries.get(name)
    if (operation === 'create' || operation === 'update') {
      return this.#setMetadata(entry ?? this.#newEntry(name, this.#now()), body, (_, custom) => custom)
    }
    if (!entry) throw notFound()
    if (operation === 'patch') return this.#setMetadata(entry, body, mergePatch)
    return { data: metadataBody(entry) }
  }

  #setMetadata(entry: KvEntry, body: Data, merged: (before: Data, custom: Data) => Data): Reply {
    refuseTimedDeletion(body)
    const custom = recordField(body, 'custom_metadata')
    entry.maxVersions = numberField(body, 'max_versions') ?? entry.maxVersions
    entry.casRequired = flagField(body, 'cas_required') ?? entry.casRequired
    if (custom) entry.customMetadata = merged(entry.customMetadata ?? {}, custom) as Record<string, string>
    return nothing
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

const readable = ({ data, deletionTime, destroyed }: Version): Data | undefined =>
  destroyed || deletionTime !== '' ? undefined : data

const described = (entry: KvEntry, number: number, version: Version) => ({
  ...versionBody(version),
  custom_metadata: entry.customMetadata,
  version: number,
})

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
