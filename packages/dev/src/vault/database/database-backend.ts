/**
 * The database secrets engine, for PostgreSQL: leased users.
 * @see https://developer.hashicorp.com/vault/api-docs/secret/databases
 * @module
 */
import type { Clock } from '@chaveiro/rotation'
import type { Backend, LogicalRequest } from '../exchange.js'
import { flagField, listField, numberField, textField } from '../fields.js'
import type { Lease, LeasedSecret, LeaseManager } from '../lease-manager.js'
import { randomName } from '../random.js'
import { badRequest, listed, notFound, unsupportedOperation, unsupportedPath } from '../refusal.js'
import { nothing, type Reply } from '../reply.js'
import type { TokenEntry } from '../token/token-store.js'
import { grantTtl, type MountTtls } from '../ttl.js'
import { type DatabaseRole, writtenRole } from './database-role.js'
import { PostgresConnection, type PostgresUser } from './postgres-connection.js'

const pluginName = 'postgresql-database-plugin'
const longestName = 63

export interface DatabaseBackendOptions {
  readonly clock: Clock
  readonly leases: LeaseManager
  /** Asked at each credential: a mount can be tuned. */
  readonly ttls: () => MountTtls
}

interface Config {
  readonly connection: PostgresConnection
  readonly allowedRoles: readonly string[]
  /** What was written so far; a later write changes part of it. */
  readonly given: Readonly<Record<string, unknown>>
}

export class DatabaseBackend implements Backend {
  readonly type = 'database'
  readonly #options: DatabaseBackendOptions
  readonly #configs = new Map<string, Config>()
  readonly #roles = new Map<string, DatabaseRole>()

  constructor(options: DatabaseBackendOptions) {
    this.#options = options
  }

  exists(path: string): boolean {
    const [kind, name = ''] = path.split('/')
    if (kind === 'roles') return this.#roles.has(name)
    return kind !== 'config' || this.#configs.has(name)
  }

  handle(request: LogicalRequest): Reply | Promise<Reply> {
    const [kind = '', name = '', ...rest] = request.path.split('/')
    if (rest.length > 0) throw unsupportedPath()
    if (request.operation === 'list') return this.#list(kind)
    if (name === '') throw unsupportedPath()
    switch (kind) {
      case 'config':
        return this.#config(request, name)
      case 'roles':
        return this.#role(request, name)
      case 'creds':
        if (request.operation !== 'read') throw unsupportedOperation()
        return this.#credentials(request, name)
      default:
        throw unsupportedPath()
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#configs.values()].map(({ connection }) => connection.close()))
    this.#configs.clear()
  }

  #list(kind: string): Reply {
    const known = { config: this.#configs, roles: this.#roles }[kind]
    if (!known) throw unsupportedPath()
    if (known.size === 0) throw notFound()
    return { data: { keys: [...known.keys()].sort() } }
  }

  async #config({ operation, body }: LogicalRequest, name: string): Promise<Reply> {
    const known = this.#configs.get(name)
    if (operation === 'read') {
      if (!known) throw notFound()
      return { data: shown(known) }
    }
    if (operation === 'delete') {
      this.#configs.delete(name)
      await known?.connection.close()
      return nothing
    }
    if (operation !== 'create' && operation !== 'update') throw unsupportedOperation()
    this.#configs.set(name, await connect({ ...known?.given, ...body }))
    await known?.connection.close()
    return nothing
  }

  #role({ operation, body }: LogicalRequest, name: string): Reply {
    const known = this.#roles.get(name)
    switch (operation) {
      case 'read':
        if (!known) throw notFound()
        return { data: known }
      case 'delete':
        this.#roles.delete(name)
        return nothing
      case 'create':
      case 'update':
        this.#roles.set(name, writtenRole(known, body))
        return nothing
      default:
        throw unsupportedOperation()
    }
  }

  async #credentials({ fullPath, token }: LogicalRequest, name: string): Promise<Reply> {
    const role = this.#roles.get(name)
    if (!role) throw badRequest(`unknown role: ${name}`)
    const owner = token as TokenEntry
    const connection = this.#connectionFor(role, name)
    const ttlSeconds = this.#ttl(role, undefined, this.#nowMs, owner)
    const user = this.#newUser(owner.displayName, name, ttlSeconds.seconds)
    await connection.create(role.creation_statements, user).catch((error: Error) => {
      throw listed(500, error.message)
    })
    const secret = this.#secret(name, role, user, owner)
    const lease = this.#options.leases.add(fullPath, owner.id, ttlSeconds.seconds, secret)
    return {
      lease: { id: lease.id, ttlSeconds: Math.floor(ttlSeconds.seconds), renewable: true },
      data: { username: user.name, password: user.password },
      warnings: ttlSeconds.warnings,
    }
  }

  /** @throws {Refusal} 500: to Vault this is no input error */
  #connectionFor(role: DatabaseRole, name: string): PostgresConnection {
    const config = this.#configs.get(role.db_name)
    if (!config) throw listed(500, `failed to find entry for connection with name: "${role.db_name}"`)
    const allowed = config.allowedRoles.some((entry) => entry === '*' || entry === name)
    if (!allowed) throw listed(500, `"${name}" is not an allowed role`)
    return config.connection
  }

  #ttl(role: DatabaseRole, askedSeconds: number | undefined, issuedMs: number, owner: TokenEntry) {
    const nowMs = this.#nowMs
    const { default_ttl: ttlSeconds, max_ttl: maxTtlSeconds } = role
    const granted = grantTtl({ askedSeconds, ttlSeconds, maxTtlSeconds, issuedMs, nowMs, mount: this.#options.ttls() })
    // What is leased with a batch token ends with it, since nothing could revoke it then.
    const { type, expiresMs } = owner
    const left = type === 'batch' && expiresMs !== undefined ? (expiresMs - nowMs) / 1000 : granted.seconds
    return { ...granted, seconds: Math.min(granted.seconds, left) }
  }

  #newUser(displayName: string, role: string, ttlSeconds: number): PostgresUser {
    const seconds = Math.floor(this.#nowMs / 1000)
    const name = `v-${displayName.slice(0, 8)}-${role.slice(0, 8)}-${randomName(20)}-${seconds}`
    const expiresMs = this.#nowMs + ttlSeconds * 1000
    return { name: name.slice(0, longestName), password: `${randomName(12)}-${randomName(7)}`, expiresMs }
  }

  #secret(name: string, made: DatabaseRole, user: PostgresUser, owner: TokenEntry): LeasedSecret {
    const connection = (): PostgresConnection => {
      const config = this.#configs.get(made.db_name)
      if (!config) throw new Error(`failed to find entry for connection with name: "${made.db_name}"`)
      return config.connection
    }
    return {
      renew: async (incrementSeconds, lease: Lease) => {
        const role = this.#roles.get(name)
        if (!role) throw new Error(`could not find role with name: "${name}"`)
        const granted = this.#ttl(role, incrementSeconds, lease.issuedMs, owner)
        const expiresMs = this.#nowMs + granted.seconds * 1000
        await connection().renew(role.renew_statements, { ...user, expiresMs })
        return granted
      },
      revoke: async () => {
        await connection().drop((this.#roles.get(name) ?? made).revocation_statements, user)
      },
    }
  }

  get #nowMs(): number {
    return this.#options.clock.wallMs()
  }
}

/** @throws {Refusal} 400 */
async function connect(given: Readonly<Record<string, unknown>>): Promise<Config> {
  const plugin = textField(given, 'plugin_name') ?? ''
  if (!plugin) throw badRequest('empty plugin name')
  if (plugin !== pluginName) {
    throw badRequest(`error creating database object: the embedded server has ${pluginName}, not ${plugin}`)
  }
  const allowedRoles = listField(given, 'allowed_roles') ?? []
  const connection = new PostgresConnection(
    textField(given, 'connection_url') ?? '',
    textField(given, 'username') ?? '',
    textField(given, 'password') ?? '',
    numberField(given, 'max_open_connections'),
  )
  try {
    if (flagField(given, 'verify_connection') ?? true) await connection.verify()
  } catch (error) {
    await connection.close()
    throw badRequest(`error creating database object: ${(error as Error).message}`)
  }
  return { connection, allowedRoles, given }
}

/** Everything but the password. */
function shown({ allowedRoles, given }: Config): Readonly<Record<string, unknown>> {
  const { plugin_name, connection_url, username, password_authentication } = given
  return {
    allowed_roles: allowedRoles,
    connection_details: {
      connection_url,
      username,
      ...(password_authentication !== undefined && { password_authentication }),
    },
    password_policy: '',
    plugin_name,
    plugin_version: '',
    root_credentials_rotate_statements: [],
    verify_connection: flagField(given, 'verify_connection') ?? true,
  }
}
