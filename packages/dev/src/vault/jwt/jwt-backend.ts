/**
 * The JWT auth method: its configuration, its roles, and logins.
 * @see https://developer.hashicorp.com/vault/api-docs/auth/jwt
 * @module
 */
import { createHash } from 'node:crypto'
import type { Clock } from '@chaveiro/rotation'
import type { Backend, LogicalRequest } from '../exchange.js'
import { listField, textField } from '../fields.js'
import { badRequest, notFound, unsupportedOperation, unsupportedPath } from '../refusal.js'
import { nothing, type Reply } from '../reply.js'
import type { TokenEntry, TokenStore } from '../token/token-store.js'
import type { MountTtls } from '../ttl.js'
import { type Claims, judgeClaims } from './claims.js'
import { givenKeys, type JwtKeys, RemoteKeys, signingAlgorithms } from './jwt-keys.js'
import { type JwtRole, writtenRole } from './jwt-role.js'

export interface JwtBackendOptions {
  readonly clock: Clock
  readonly tokens: TokenStore
  readonly authOf: (entry: TokenEntry) => Readonly<Record<string, unknown>>
  /** Where it is mounted, below `auth/`, without a final slash. */
  readonly mount: string
  /** Asked at each login: a mount can be tuned. */
  readonly ttls: () => MountTtls
}

interface Config {
  readonly keys: JwtKeys
  readonly jwksUrl: string
  readonly publicKeys: readonly string[]
  readonly boundIssuer: string
  readonly algorithms: readonly string[]
  readonly defaultRole: string
}

export class JwtBackend implements Backend {
  readonly type = 'jwt'
  readonly unauthenticated = ['login']
  readonly #options: JwtBackendOptions
  readonly #roles = new Map<string, JwtRole>()
  #config: Config | undefined

  constructor(options: JwtBackendOptions) {
    this.#options = options
  }

  exists(path: string): boolean {
    return !path.startsWith('role/') || this.#roles.has(roleName(path))
  }

  handle(request: LogicalRequest): Reply | Promise<Reply> {
    const { path } = request
    if (path === 'login') return this.#login(request)
    if (path === 'config') return this.#configure(request)
    if (path === 'role/' && request.operation === 'list') return this.#list()
    if (path.startsWith('role/')) return this.#role(request)
    throw unsupportedPath()
  }

  async #configure({ operation, body }: LogicalRequest): Promise<Reply> {
    if (operation === 'read') return this.#config ? { data: configBody(this.#config) } : Promise.reject(notFound())
    if (operation !== 'update' && operation !== 'create') throw unsupportedOperation()
    const jwksUrl = textField(body, 'jwks_url') ?? ''
    const publicKeys = listField(body, 'jwt_validation_pubkeys') ?? []
    const discovery = textField(body, 'oidc_discovery_url') ?? ''
    if ([jwksUrl, publicKeys.length, discovery].filter(Boolean).length !== 1) {
      throw badRequest(
        "exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs' or 'oidc_discovery_url' must be set",
      )
    }
    if (discovery) throw badRequest('the embedded server takes jwks_url, not oidc_discovery_url')
    if (textField(body, 'jwks_ca_pem')) throw badRequest('the embedded server takes no jwks_ca_pem')
    const algorithms = listField(body, 'jwt_supported_algs') ?? []
    const unknown = algorithms.find((algorithm) => !signingAlgorithms.includes(algorithm))
    if (unknown) throw badRequest(`invalid jwt_supported_algs: unsupported signing algorithm "${unknown}"`)
    const remote = jwksUrl ? new RemoteKeys(jwksUrl, this.#options.clock) : undefined
    await remote?.check()
    this.#config = {
      keys: remote ?? givenKeys(publicKeys),
      jwksUrl,
      publicKeys: publicKeys.map((key) => key.trim()),
      boundIssuer: textField(body, 'bound_issuer') ?? '',
      algorithms,
      defaultRole: textField(body, 'default_role') ?? '',
    }
    return nothing
  }

  #list(): Reply {
    if (this.#roles.size === 0) throw notFound()
    return { data: { keys: [...this.#roles.keys()].sort() } }
  }

  #role({ operation, path, body }: LogicalRequest): Reply {
    const name = roleName(path)
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

  async #login({ operation, body }: LogicalRequest): Promise<Reply> {
    if (operation !== 'update' && operation !== 'create') throw unsupportedOperation()
    const config = this.#config
    if (!config) throw badRequest('could not load configuration')
    const name = textField(body, 'role') || config.defaultRole
    if (!name) throw badRequest('missing role')
    const role = this.#roles.get(name)
    if (!role) throw badRequest(`role "${name}" could not be found`)
    const jwt = textField(body, 'jwt')
    if (!jwt) throw badRequest('missing token')
    const claims = await this.#verify(jwt, config)
    judgeClaims(claims, role, config.boundIssuer, this.#options.clock.wallMs())
    const user = claims[role.user_claim]
    if (typeof user !== 'string') throw badRequest(`claim "${role.user_claim}" not found in token`)
    return this.#grant(name, role, user, claims)
  }

  async #verify(jwt: string, { keys, algorithms }: Config): Promise<Claims> {
    const invalid = (what: string): Error =>
      badRequest(`error validating token: error verifying token signature: ${what}`)
    if (jwt.split('.').length !== 3) throw invalid('go-jose/go-jose: compact JWS format must have three parts')
    const accepted = algorithms.length > 0 ? algorithms : signingAlgorithms
    const payload = await keys.verify(jwt, accepted).catch((error: unknown) => {
      throw invalid(error instanceof SyntaxError ? 'illegal base64 data at input byte 0' : (error as Error).message)
    })
    return JSON.parse(Buffer.from(payload).toString()) as Claims
  }

  #grant(name: string, role: JwtRole, user: string, claims: Claims): Reply {
    const { tokens, mount, ttls, authOf } = this.#options
    const mapped = Object.entries(role.claim_mappings ?? {}).flatMap(([claim, key]) =>
      claims[claim] === undefined ? [] : [[key, String(claims[claim])] as const],
    )
    const { entry, warnings } = tokens.create({
      type: role.token_type === 'batch' ? 'batch' : 'service',
      policies: [...new Set([...(role.token_no_default_policy ? [] : ['default']), ...role.token_policies])].sort(),
      displayName: `${mount}-${user}`,
      metadata: { role: name, ...Object.fromEntries(mapped) },
      entityId: entityIdOf(mount, user),
      path: `auth/${mount}/login`,
      orphan: true,
      numUses: role.token_num_uses,
      life: () => lifeOf(this.#roles.get(name) ?? role),
      mount: ttls(),
    })
    return { auth: authOf(entry), warnings }
  }
}

const roleName = (path: string): string => path.slice('role/'.length)

const lifeOf = (role: JwtRole) => ({
  ttlSeconds: role.token_ttl,
  maxTtlSeconds: role.token_max_ttl,
  explicitMaxTtlSeconds: role.token_explicit_max_ttl,
  periodSeconds: role.token_period,
})

const configBody = (config: Config) => ({
  bound_issuer: config.boundIssuer,
  default_role: config.defaultRole,
  jwks_ca_pem: '',
  jwks_pairs: [],
  jwks_url: config.jwksUrl,
  jwt_supported_algs: config.algorithms,
  jwt_validation_pubkeys: config.publicKeys,
  oidc_client_id: '',
  oidc_discovery_ca_pem: '',
  oidc_discovery_url: '',
})

/** The same user of the same mount is the same entity. */
function entityIdOf(mount: string, user: string): string {
  const hex = createHash('sha256').update(`${mount}\n${user}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}
