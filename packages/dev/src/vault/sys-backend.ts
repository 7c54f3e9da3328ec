/**
 * `sys`: mounts, policies, capabilities and leases. What is answered without a token is in `vault-core.ts`.
 * @see https://developer.hashicorp.com/vault/api-docs/system
 * @module
 */
import type { Backend, LogicalRequest } from './exchange.js'
import { listField, recordField, secondsField, textField } from './fields.js'
import type { LeasePaths } from './lease-paths.js'
import type { Mount, MountTable } from './mount-table.js'
import type { PolicyStore } from './policy/policy-store.js'
import { badRequest, notFound, unsupportedOperation, unsupportedPath } from './refusal.js'
import { nothing, type Reply } from './reply.js'
import type { TokenEntry } from './token/token-store.js'

/** Makes a backend of a type. @throws {Refusal} 400 for a type that there is none of */
export type BackendMaker = (
  kind: 'secret' | 'auth',
  type: string,
  path: string,
  options: Readonly<Record<string, string>>,
) => Backend

export interface SysBackendOptions {
  readonly mounts: MountTable
  readonly policies: PolicyStore
  readonly leases: LeasePaths
  readonly makeBackend: BackendMaker
}

export class SysBackend implements Backend {
  readonly type = 'system'
  readonly sudo = ['seal', 'auth/*', 'leases/lookup/*', 'leases/revoke-prefix/*', 'leases/revoke-force/*']
  readonly #options: SysBackendOptions

  constructor(options: SysBackendOptions) {
    this.#options = options
  }

  handle(request: LogicalRequest): Reply | Promise<Reply> {
    const [area = '', ...rest] = request.path.split('/')
    const below = rest.join('/')
    switch (area) {
      case 'mounts':
        return this.#mounts(request, 'secret', below)
      case 'auth':
        return this.#mounts(request, 'auth', below)
      case 'policies':
        if (rest[0] !== 'acl') throw unsupportedPath()
        return this.#policies(request, rest.slice(1).join('/'))
      case 'capabilities-self':
        return this.#capabilities(request)
      case 'leases':
        return this.#options.leases.handle(request, below)
      default:
        throw unsupportedPath()
    }
  }

  #mounts(request: LogicalRequest, kind: 'secret' | 'auth', below: string): Reply | Promise<Reply> {
    const { operation } = request
    if (below === '') {
      if (operation !== 'read') throw unsupportedOperation()
      return this.#listMounts(kind)
    }
    const tuned = /^(.+)\/tune\/?$/.exec(below)?.[1]
    if (tuned) return this.#tune(request, kind, `${tuned}/`)
    const path = `${below.replace(/\/$/, '')}/`
    switch (operation) {
      case 'read':
        return this.#readMount(kind, path)
      case 'delete':
        return this.#unmount(kind, path)
      case 'update':
        return this.#mount(request, kind, path)
      default:
        throw unsupportedOperation()
    }
  }

  #listMounts(kind: 'secret' | 'auth'): Reply {
    const mine = this.#options.mounts.all.filter(({ path }) => path.startsWith('auth/') === (kind === 'auth'))
    const data = Object.fromEntries(mine.map((mount) => [mount.path.replace(/^auth\//, ''), describe(mount)]))
    return { data, flat: true }
  }

  #readMount(kind: 'secret' | 'auth', path: string): Reply {
    const mount = this.#options.mounts.get(fullPath(kind, path))
    const what = kind === 'auth' ? 'auth engine' : 'secret engine mount'
    if (!mount) throw badRequest(`No ${what} at ${path}`)
    return { data: describe(mount), flat: true }
  }

  #mount({ body }: LogicalRequest, kind: 'secret' | 'auth', path: string): Reply {
    const type = textField(body, 'type')
    if (!type) throw badRequest('backend type must be specified as a string')
    const full = fullPath(kind, path)
    const options = (recordField(body, 'options') ?? {}) as Readonly<Record<string, string>>
    this.#options.mounts.refuseTaken(full)
    const backend = this.#options.makeBackend(kind, type, full, options)
    const description = textField(body, 'description') ?? ''
    this.#options.mounts.add({ path: full, backend, description, options })
    const config = recordField(body, 'config')
    if (config) this.#setTtls(full, config)
    return nothing
  }

  async #unmount(kind: 'secret' | 'auth', path: string): Promise<Reply> {
    const full = fullPath(kind, path)
    const mount = this.#options.mounts.get(full)
    if (!mount) return nothing
    await this.#options.leases.revokePrefix(full)
    this.#options.mounts.delete(full)
    await mount.backend.close?.()
    return nothing
  }

  #tune({ operation, body }: LogicalRequest, kind: 'secret' | 'auth', path: string): Reply {
    const full = fullPath(kind, path)
    const mount = this.#options.mounts.get(full)
    if (!mount) throw badRequest(`cannot fetch sysview for path "${path}"`)
    if (operation === 'update') {
      this.#setTtls(full, body)
      return nothing
    }
    if (operation !== 'read') throw unsupportedOperation()
    const { defaultSeconds: default_lease_ttl, maxSeconds: max_lease_ttl } = this.#options.mounts.ttls(full)
    const { description } = mount
    return { data: { default_lease_ttl, description, force_no_cache: false, max_lease_ttl }, flat: true }
  }

  #setTtls(path: string, body: Readonly<Record<string, unknown>>): void {
    const mount = this.#options.mounts.get(path)
    if (!mount) return
    mount.defaultSeconds = secondsField(body, 'default_lease_ttl') ?? mount.defaultSeconds
    mount.maxSeconds = secondsField(body, 'max_lease_ttl') ?? mount.maxSeconds
  }

  #policies({ operation, body }: LogicalRequest, given: string): Reply {
    const { policies } = this.#options
    const name = given.toLowerCase()
    if (name === '') {
      if (operation !== 'list' && operation !== 'read') throw unsupportedOperation()
      return { data: { keys: policies.names } }
    }
    switch (operation) {
      case 'read': {
        const policy = policies.read(name)
        if (policy === undefined) throw notFound()
        return { data: { name, policy } }
      }
      case 'update': {
        const text = textField(body, 'policy')
        if (!text) throw badRequest("'policy' parameter not supplied or empty")
        policies.write(name, text)
        return name === given ? nothing : { warnings: [`policy name was converted to ${name}`] }
      }
      case 'delete':
        policies.delete(name)
        return nothing
      default:
        throw unsupportedOperation()
    }
  }

  #capabilities({ operation, body, token }: LogicalRequest): Reply {
    if (operation !== 'update') throw unsupportedOperation()
    const paths = listField(body, 'paths') ?? listField(body, 'path') ?? []
    if (paths.length === 0) throw badRequest('paths must be supplied')
    const acl = this.#options.policies.acl((token as TokenEntry).policies)
    const found = paths.map((path) => [path, acl.capabilities(path)] as const)
    const only = paths.length === 1 ? { capabilities: found[0]?.[1] } : {}
    return { data: { ...only, ...Object.fromEntries(found) }, flat: true }
  }
}

const fullPath = (kind: 'secret' | 'auth', path: string): string => (kind === 'auth' ? `auth/${path}` : path)

function describe({ accessor, description, options, backend, uuid, defaultSeconds, maxSeconds, path }: Mount) {
  const ttls = { default_lease_ttl: defaultSeconds, force_no_cache: false, max_lease_ttl: maxSeconds }
  return {
    accessor,
    config: { ...ttls, ...(path.startsWith('auth/') && { token_type: 'default-service' }) },
    description,
    external_entropy_access: false,
    local: false,
    options,
    seal_wrap: false,
    type: backend.type,
    uuid,
  }
}
