/**
 * `auth/token`: tokens that look at, renew and revoke themselves and others.
 * @see https://developer.hashicorp.com/vault/api-docs/auth/token
 * @module
 */
import type { Backend, LogicalRequest } from '../exchange.js'
import { flagField, listField, numberField, recordField, secondsField, textField } from '../fields.js'
import type { PolicyStore } from '../policy/policy-store.js'
import { badRequest, Refusal, unsupportedOperation, unsupportedPath } from '../refusal.js'
import { nothing, type Reply } from '../reply.js'
import { systemTtls } from '../ttl.js'
import type { TokenEntry, TokenStore } from './token-store.js'

type Handler = (request: LogicalRequest) => Reply

export class TokenBackend implements Backend {
  readonly type = 'token'
  readonly sudo = ['accessors*', 'create-orphan']
  readonly #tokens: TokenStore
  readonly #policies: PolicyStore
  readonly #handlers: Readonly<Record<string, Readonly<Partial<Record<string, Handler>>>>>

  constructor(tokens: TokenStore, policies: PolicyStore) {
    this.#tokens = tokens
    this.#policies = policies
    const write = (handler: Handler) => ({ update: handler })
    this.#handlers = {
      'lookup-self': {
        read: (request) => this.#describe(own(request)),
        update: (request) => this.#describe(own(request)),
      },
      'renew-self': write((request) => this.#renew(own(request), request)),
      'revoke-self': write((request) => this.#revokeSelf(own(request))),
      create: write((request) => this.#create(request)),
      lookup: write((request) => this.#describe(this.#named(request))),
      renew: write((request) => this.#renew(this.#named(request), request)),
      revoke: write((request) => this.#revoke(textField(request.body, 'token'))),
      'lookup-accessor': write((request) => this.#describe(this.#byAccessor(request), true)),
      'revoke-accessor': write((request) => this.#revokeAccessor(request)),
      'accessors/': { list: () => ({ data: { keys: this.#tokens.accessors } }) },
    }
  }

  handle(request: LogicalRequest): Reply {
    const handlers = this.#handlers[request.path]
    if (!handlers) throw unsupportedPath()
    const handler = handlers[request.operation === 'create' ? 'update' : request.operation]
    if (!handler) throw unsupportedOperation()
    return handler(request)
  }

  #create(request: LogicalRequest): Reply {
    const { body, token } = request
    const parent = token as TokenEntry
    const type = textField(body, 'type') === 'batch' ? 'batch' : 'service'
    const asked = listField(body, 'policies')
    const policies = this.#childPolicies(parent, asked, flagField(body, 'no_default_policy') ?? false)
    const ttlSeconds = secondsField(body, 'ttl')
    const life = {
      ttlSeconds,
      explicitMaxTtlSeconds: secondsField(body, 'explicit_max_ttl'),
      periodSeconds: secondsField(body, 'period'),
    }
    const name = textField(body, 'display_name')
    const { entry, warnings } = this.#tokens.create({
      type,
      policies,
      displayName: name ? `token-${name.replace(/[^\w/:.-]/g, '-')}` : 'token',
      metadata: (recordField(body, 'meta') as Record<string, string> | undefined) ?? null,
      path: 'auth/token/create',
      parent: parent.id,
      orphan: flagField(body, 'no_parent') ?? false,
      renewable: flagField(body, 'renewable') ?? true,
      numUses: numberField(body, 'num_uses') ?? 0,
      life: () => life,
      mount: systemTtls,
      // Root tokens end only when they are told to.
      endless: policies.includes('root') && !ttlSeconds && !life.periodSeconds && !life.explicitMaxTtlSeconds,
    })
    const missing = policies
      .filter((policy) => !this.#policies.has(policy))
      .map((policy) => `Policy "${policy}" does not exist`)
    return { auth: this.authOf(entry), warnings: [...missing, ...warnings] }
  }

  #childPolicies(parent: TokenEntry, asked: readonly string[] | undefined, noDefault: boolean): string[] {
    const root = parent.policies.includes('root')
    const wanted = asked ?? parent.policies
    if (!root && wanted.some((policy) => policy !== 'default' && !parent.policies.includes(policy))) {
      throw badRequest('child policies must be subset of parent')
    }
    if (wanted.includes('root')) return ['root']
    return [...new Set([...(noDefault ? [] : ['default']), ...wanted])].sort()
  }

  /** As a login, a creation and a renewal answer. */
  authOf(entry: TokenEntry): Readonly<Record<string, unknown>> {
    return {
      client_token: entry.id,
      accessor: entry.accessor,
      policies: entry.policies,
      token_policies: entry.policies,
      metadata: entry.metadata,
      lease_duration: this.#tokens.ttlSeconds(entry),
      renewable: entry.renewable,
      entity_id: entry.entityId,
      token_type: entry.type,
      orphan: entry.orphan,
      mfa_requirement: null,
      num_uses: Math.max(0, entry.numUses),
    }
  }

  #describe(entry: TokenEntry, hideId = false): Reply {
    const { periodSeconds, explicitMaxTtlSeconds } = entry.life()
    const renewed = entry.lastRenewalMs
    const data = {
      accessor: entry.accessor,
      creation_time: Math.floor(entry.createdMs / 1000),
      creation_ttl: entry.creationTtlSeconds,
      display_name: entry.displayName,
      entity_id: entry.entityId,
      expire_time: entry.expiresMs === undefined ? null : new Date(entry.expiresMs).toISOString(),
      explicit_max_ttl: explicitMaxTtlSeconds ?? 0,
      id: hideId ? '' : entry.id,
      issue_time: new Date(entry.createdMs).toISOString(),
      ...(renewed !== undefined && {
        last_renewal: new Date(renewed).toISOString(),
        last_renewal_time: Math.floor(renewed / 1000),
      }),
      meta: entry.metadata,
      num_uses: Math.max(0, entry.numUses),
      orphan: entry.orphan,
      path: entry.path,
      ...(periodSeconds && { period: periodSeconds }),
      policies: entry.policies,
      renewable: entry.renewable,
      ttl: this.#tokens.ttlSeconds(entry),
      type: entry.type,
    }
    return { data }
  }

  #renew(entry: TokenEntry, { body }: LogicalRequest): Reply {
    const warnings = this.#tokens.renew(entry, secondsField(body, 'increment'))
    return { auth: this.authOf(entry), warnings }
  }

  #revokeSelf(entry: TokenEntry): Reply {
    if (entry.type === 'batch') throw badRequest('batch tokens cannot be revoked')
    this.#tokens.revoke(entry.id)
    return nothing
  }

  #revoke(id: string | undefined): Reply {
    if (!id) throw badRequest('missing token ID')
    this.#tokens.revoke(id)
    return nothing
  }

  #revokeAccessor(request: LogicalRequest): Reply {
    const entry = this.#tokens.byAccessor(textField(request.body, 'accessor') ?? '')
    if (!entry) return { warnings: ['No token found with this accessor'] }
    return this.#revoke(entry.id)
  }

  #named({ body }: LogicalRequest): TokenEntry {
    const entry = this.#tokens.get(textField(body, 'token') ?? '')
    if (!entry) throw new Refusal(403, ['bad token'])
    return entry
  }

  #byAccessor({ body }: LogicalRequest): TokenEntry {
    const entry = this.#tokens.byAccessor(textField(body, 'accessor') ?? '')
    if (!entry) throw new Refusal(400, ['1 error occurred:\n\t* invalid accessor\n\n'])
    return entry
  }
}

function own({ token }: LogicalRequest): TokenEntry {
  if (!token) throw new Refusal(403, ['permission denied'])
  return token
}
