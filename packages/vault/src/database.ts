/**
 * The database secrets engine: users that live as long as their lease, and static roles.
 * @see https://developer.hashicorp.com/vault/api-docs/secret/databases
 * @module
 */
import { type Attempt, type Grant, type RenewAttempt, type Renewal, Secret, type Source } from '@chaveiro/rotation'
import { classifyVaultError } from './classify.js'
import { vaultError } from './errors.js'
import { Leases } from './leases.js'
import type { CallOptions, VaultApi } from './request.js'

/** A database user with a lease. */
export interface DatabaseCredential {
  readonly username: string
  readonly password: Secret
  readonly leaseId: string
  readonly role: string
}

/** A credential and what its lease grants. */
export interface LeasedDatabaseCredential extends DatabaseCredential {
  readonly ttlSeconds: number
  readonly renewable: boolean
}

/** A user that exists for good, whose password Vault changes. There is no lease. */
export interface StaticDatabaseCredential {
  readonly username: string
  readonly password: Secret
  /** Until the next change. */
  readonly ttlSeconds: number
  readonly rotationPeriodSeconds: number | undefined
  /** RFC 3339. */
  readonly lastRotation: string
}

/** A connection to a database, as the engine's API names its fields; plugins have more. */
export interface DatabaseConnectionConfig {
  readonly plugin_name: string
  readonly connection_url: string
  readonly username: string
  readonly password: Secret
  readonly allowed_roles: readonly string[]
  readonly password_authentication?: 'password' | 'scram-sha-256'
  readonly verify_connection?: boolean
  readonly max_open_connections?: number
  readonly username_template?: string
}

/** A role, as the engine's API names its fields. */
export interface DatabaseRole {
  readonly db_name: string
  readonly creation_statements: readonly string[]
  readonly revocation_statements?: readonly string[]
  readonly renew_statements?: readonly string[]
  readonly rollback_statements?: readonly string[]
  /** Seconds; 0: that of the mount. */
  readonly default_ttl: number
  readonly max_ttl: number
}

interface CredentialBody {
  readonly username: string
  readonly password: string
}

interface StaticBody extends CredentialBody {
  readonly ttl: number
  readonly rotation_period?: number
  readonly last_vault_rotation: string
}

export class Database {
  readonly #api: VaultApi
  readonly #mount: string

  constructor(api: VaultApi, mount: string) {
    this.#api = api
    this.#mount = mount
  }

  /** A database user that is kept fresh when it is given to a rotation. */
  source(role: string): Source<DatabaseCredential> {
    return new DatabaseSource(this.#api, this, this.#mount, role)
  }

  /**
   * A new database user. Each call makes one, so it is never repeated by itself.
   * @throws {BackendUnavailableError} when the database is down; {InvalidRequestError} for an unknown role
   */
  async credentials(role: string, options: CallOptions = {}): Promise<LeasedDatabaseCredential> {
    const where = { operation: 'database_credential', path: `${this.#mount}/creds/${role}` }
    const request = { ...options, ...where, method: 'GET', makesCredential: true } as const
    const { data, leaseId, leaseSeconds, renewable, status } = await this.#api.request<CredentialBody>(request)
    if (leaseId === undefined) {
      throw vaultError('ERR_VAULT_BAD_RESPONSE', 'a database credential without a lease', { ...where, status })
    }
    const { username, password } = data
    return { username, password: new Secret(password), leaseId, role, ttlSeconds: leaseSeconds, renewable }
  }

  /** The password of a static role as it is now. */
  async staticCredentials(role: string, options: CallOptions = {}): Promise<StaticDatabaseCredential> {
    const { data } = await this.#api.request<StaticBody>({
      ...options,
      method: 'GET',
      path: `${this.#mount}/static-creds/${role}`,
      operation: 'database_static_credential',
      idempotent: true,
    })
    return {
      username: data.username,
      password: new Secret(data.password),
      ttlSeconds: data.ttl,
      rotationPeriodSeconds: data.rotation_period,
      lastRotation: data.last_vault_rotation,
    }
  }

  /** Sets up a connection; by default Vault verifies it at once. */
  async writeConfig(name: string, config: DatabaseConnectionConfig, options: CallOptions = {}): Promise<void> {
    const body = { ...config, password: config.password.expose() }
    await this.#api.request({ ...options, ...this.#configure('POST', `config/${name}`), body })
  }

  async writeRole(name: string, role: DatabaseRole, options: CallOptions = {}): Promise<void> {
    await this.#api.request({ ...options, ...this.#configure('POST', `roles/${name}`), body: { ...role } })
  }

  /** @throws {NotFoundError} */
  async readRole(name: string, options: CallOptions = {}): Promise<DatabaseRole> {
    const request = { ...options, ...this.#configure('GET', `roles/${name}`), idempotent: true }
    return (await this.#api.request<DatabaseRole>(request)).data
  }

  #configure<M extends 'GET' | 'POST'>(method: M, path: string) {
    return { method, path: `${this.#mount}/${path}`, operation: 'database_configure' } as const
  }
}

class DatabaseSource implements Source<DatabaseCredential> {
  readonly credentialType = 'database'
  readonly name: string
  readonly server: string
  readonly #leases: Leases
  readonly #database: Database

  constructor(api: VaultApi, database: Database, mount: string, role: string) {
    this.#leases = new Leases(api)
    this.#database = database
    this.name = role
    // Of its own: a database that is down says nothing about Vault.
    this.server = `vault ${api.address} ${mount}`
  }

  async issue({ signal, correlationId }: Attempt): Promise<Grant<DatabaseCredential>> {
    const leased = await this.#database.credentials(this.name, { signal, correlationId })
    const { ttlSeconds, renewable, ...value } = leased
    return { value, ttlSeconds, renewable }
  }

  renew({ leaseId }: DatabaseCredential, { signal, correlationId, incrementSeconds }: RenewAttempt): Promise<Renewal> {
    return this.#leases.renew(leaseId, { incrementSeconds, signal, correlationId })
  }

  revoke({ leaseId }: DatabaseCredential, { signal, correlationId }: Attempt): Promise<void> {
    return this.#leases.revoke(leaseId, { signal, correlationId })
  }

  classify = classifyVaultError
}
