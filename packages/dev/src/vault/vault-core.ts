/**
 * The server without HTTP: who may ask what of whom. A request passes seal, token, policy and mount, in this order.
 * @module
 */
import type { Clock, Secret } from '@chaveiro/rotation'
import { DatabaseBackend } from './database/database-backend.js'
import type { Backend, LogicalRequest, Operation } from './exchange.js'
import { JwtBackend } from './jwt/jwt-backend.js'
import { KvBackend } from './kv/kv-backend.js'
import { LeaseManager } from './lease-manager.js'
import { LeasePaths } from './lease-paths.js'
import { type Mount, MountTable } from './mount-table.js'
import { PolicyStore } from './policy/policy-store.js'
import { badRequest, denied, listed, Refusal } from './refusal.js'
import { nothing, type Reply } from './reply.js'
import { embeddedVersion, Seal, sharesAsked } from './seal.js'
import { SysBackend } from './sys-backend.js'
import { TokenBackend } from './token/token-backend.js'
import { type TokenEntry, TokenStore } from './token/token-store.js'
import { systemTtls } from './ttl.js'

export interface ApiRequest {
  readonly method: string
  /** Without `/v1/`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
  readonly token: string | undefined
  readonly contentType: string
}

export interface Answer extends Reply {
  /** Of the mount that answered. */
  readonly mountType: string
}

export class VaultCore {
  readonly seal: Seal
  readonly #clock: Clock
  readonly #mounts = new MountTable()
  readonly #policies = new PolicyStore()
  readonly #leases: LeaseManager
  readonly #tokens: TokenStore
  readonly #tokenBackend: TokenBackend

  constructor(clock: Clock) {
    this.#clock = clock
    this.#leases = new LeaseManager(clock)
    this.#tokens = new TokenStore(clock, this.#leases)
    this.#tokenBackend = new TokenBackend(this.#tokens, this.#policies)
    this.seal = new Seal((sealed) => this.#sealChanged(sealed))
    const leases = new LeasePaths(clock, this.#leases, this.#tokens)
    const makeBackend = this.#makeBackend.bind(this)
    const sys = new SysBackend({ mounts: this.#mounts, policies: this.#policies, leases, makeBackend })
    this.#mounts.add({ path: 'sys/', backend: sys, description: 'system endpoints' })
    this.#mounts.add({ path: 'auth/token/', backend: this.#tokenBackend, description: 'token based credentials' })
  }

  /** As `vault server -dev` starts: one share, unsealed, KV v2 at `secret/`. */
  startDev(rootToken: Secret): void {
    this.seal.initialize(1, 1)
    this.seal.open()
    this.#newRootToken(rootToken.expose())
    const options = { version: '2' }
    this.#mounts.add({ path: 'secret/', backend: new KvBackend(this.#clock), description: 'key/value', options })
  }

  /** @throws {Refusal} for every answer that is an error */
  async handle(request: ApiRequest): Promise<Answer> {
    refusePlainPatch(request)
    const open = this.#openPath(request)
    if (open) return { ...open, mountType: 'system' }
    if (this.seal.sealed) throw new Refusal(503, ['Vault is sealed'])
    const mount = this.#mounts.route(request.path)
    const below = mount && request.path.slice(mount.path.length)
    const isOpen = mount && below !== undefined && mount.backend.unauthenticated?.includes(below)
    const token = isOpen ? undefined : this.#authenticate(request.token)
    const logical = logicalRequest(request, mount, below ?? '', token)
    if (token) this.#authorize(token, logical, mount?.backend)
    if (!mount) throw new Refusal(404, [`no handler for route "${request.path}". route entry not found.`])
    const done = token ? this.#tokens.use(token) : () => {}
    try {
      const reply = await this.#dispatch(mount.backend, logical)
      // Logins are answered by a way of their own, which does not say it.
      return { ...reply, mountType: token ? mount.backend.type : '' }
    } finally {
      done()
    }
  }

  /** Ends timers and connections. Secrets that were leased are left as they are. */
  async close(): Promise<void> {
    this.#leases.pause()
    this.#tokens.pause()
    await this.#leases.settled()
    for (const { backend } of this.#mounts.all) await backend.close?.()
  }

  async #dispatch(backend: Backend, request: LogicalRequest): Promise<Reply> {
    if (request.fullPath === 'sys/seal') {
      this.seal.seal()
      return nothing
    }
    return backend.handle(request)
  }

  /** What is answered without a token, sealed or not. */
  #openPath({ method, path, query, body }: ApiRequest): Reply | undefined {
    const reads = method === 'GET' || method === 'HEAD'
    switch (path) {
      case 'sys/health':
        if (!reads) throw new Refusal(405, [])
        return this.#health(query)
      case 'sys/seal-status':
        return { bare: this.seal.status() }
      case 'sys/unseal':
        return this.seal.unseal(body)
      case 'sys/leader':
        return { bare: { ha_enabled: false, is_self: false, leader_address: '', leader_cluster_address: '' } }
      case 'sys/init':
        return reads ? { bare: { initialized: this.seal.initialized } } : this.#initialize(body)
      case 'sys/seal':
        // A sealed server cannot know its tokens.
        return this.seal.sealed ? nothing : undefined
      default:
        return undefined
    }
  }

  #initialize(body: Readonly<Record<string, unknown>>): Reply {
    const { shares, threshold } = sharesAsked(body)
    this.seal.initialize(shares, threshold)
    const rootToken = this.#newRootToken(undefined)
    const keys = this.seal.shares.map((share) => Buffer.from(share, 'base64').toString('hex'))
    return { bare: { keys, keys_base64: this.seal.shares, root_token: rootToken } }
  }

  #newRootToken(id: string | undefined): string {
    const { entry } = this.#tokens.create({
      ...(id !== undefined && { id }),
      policies: ['root'],
      displayName: 'token',
      path: 'auth/token/create',
      orphan: true,
      endless: true,
      life: () => ({}),
      mount: systemTtls,
    })
    return entry.id
  }

  #health(query: URLSearchParams): Reply {
    const { sealed, initialized, clusterId } = this.seal
    const code = (name: string, preset: number): number => Number(query.get(name)) || preset
    const status = !initialized ? code('uninitcode', 501) : sealed ? code('sealedcode', 503) : code('activecode', 200)
    const mode = sealed ? 'unknown' : 'disabled'
    const bare = {
      initialized,
      sealed,
      standby: sealed,
      performance_standby: false,
      replication_performance_mode: mode,
      replication_dr_mode: mode,
      server_time_utc: Math.floor(this.#clock.wallMs() / 1000),
      version: embeddedVersion,
      enterprise: false,
      ...(!sealed && { cluster_name: 'embedded', cluster_id: clusterId }),
    }
    return { bare, status }
  }

  #authenticate(id: string | undefined): TokenEntry {
    if (!id) throw new Refusal(403, ['permission denied'])
    const token = this.#tokens.get(id)
    if (!token) throw listed(403, 'permission denied', 'invalid token')
    return token
  }

  #authorize(token: TokenEntry, { fullPath, operation, path }: LogicalRequest, backend: Backend | undefined): void {
    const sudo = backend?.sudo?.some((pattern) => {
      return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
    })
    if (!this.#policies.acl(token.policies).allows(fullPath, operation, sudo ?? false)) throw denied()
  }

  #makeBackend(
    kind: 'secret' | 'auth',
    type: string,
    path: string,
    options: Readonly<Record<string, string>>,
  ): Backend {
    const clock = this.#clock
    const ttls = () => this.#mounts.ttls(path)
    if (kind === 'auth' && type === 'jwt') {
      const mount = path.replace(/^auth\/|\/$/g, '')
      const authOf = (entry: TokenEntry) => this.#tokenBackend.authOf(entry)
      return new JwtBackend({ clock, tokens: this.#tokens, authOf, mount, ttls })
    }
    if (kind === 'secret' && (type === 'kv-v2' || type === 'kv')) {
      if (type === 'kv' && options.version !== '2') throw badRequest('the embedded server has KV version 2 only')
      return new KvBackend(clock)
    }
    if (kind === 'secret' && type === 'database') return new DatabaseBackend({ clock, leases: this.#leases, ttls })
    throw badRequest(`plugin not found in the catalog: ${type}`)
  }

  #sealChanged(sealed: boolean): void {
    for (const part of [this.#leases, this.#tokens]) {
      if (sealed) part.pause()
      else part.resume()
    }
  }
}

/** @throws {Refusal} 415 */
function refusePlainPatch({ method, contentType }: ApiRequest): void {
  const wanted = 'application/merge-patch+json'
  if (method !== 'PATCH' || contentType === wanted) return
  throw new Refusal(415, [`PATCH requires Content-Type of ${wanted}, provided ${contentType}`])
}

function logicalRequest(
  { method, path: given, query, body }: ApiRequest,
  mount: Mount | undefined,
  below: string,
  token: TokenEntry | undefined,
): LogicalRequest {
  const operation = operationOf(method, query, mount?.backend, below)
  // A list is always one of what is below.
  const slash = operation === 'list' && !given.endsWith('/') ? '/' : ''
  return { operation, path: `${below}${slash}`, fullPath: `${given}${slash}`, query, body, token }
}

function operationOf(method: string, query: URLSearchParams, backend: Backend | undefined, path: string): Operation {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return query.get('list') === 'true' ? 'list' : 'read'
    case 'POST':
    case 'PUT':
      return backend?.exists?.(path) === false ? 'create' : 'update'
    case 'DELETE':
      return 'delete'
    case 'PATCH':
      return 'patch'
    default:
      throw new Refusal(405, [])
  }
}
