/**
 * The token auth method: what a token may ask about itself.
 * @see https://developer.hashicorp.com/vault/api-docs/auth/token
 * @module
 */
import { authOf, type VaultAuth } from './granted-token.js'
import type { CallOptions, VaultApi } from './request.js'

/** What `lookup-self` tells. */
export interface TokenInfo {
  readonly accessor: string | undefined
  readonly displayName: string
  readonly entityId: string | undefined
  /** Seconds left; 0: never ends. */
  readonly ttlSeconds: number
  readonly creationTtlSeconds: number
  /** 0: none of its own. */
  readonly explicitMaxTtlSeconds: number
  /** A periodic token has no max TTL. */
  readonly periodSeconds: number | undefined
  readonly renewable: boolean
  readonly type: 'service' | 'batch'
  readonly policies: readonly string[]
  readonly path: string
  readonly orphan: boolean
  readonly numUses: number
  readonly metadata: Readonly<Record<string, string>>
}

/** Life and rights of a token that is made by {@link TokenApi.create}. */
export interface TokenRequest {
  readonly policies?: readonly string[]
  readonly ttlSeconds?: number
  readonly explicitMaxTtlSeconds?: number
  readonly periodSeconds?: number
  readonly type?: 'service' | 'batch'
  readonly renewable?: boolean
  readonly noParent?: boolean
  readonly noDefaultPolicy?: boolean
  readonly displayName?: string
}

interface LookupBody {
  readonly accessor: string
  readonly display_name: string
  readonly entity_id: string
  readonly ttl: number
  readonly creation_ttl: number
  readonly explicit_max_ttl: number
  readonly period?: number
  readonly renewable: boolean
  readonly type: 'service' | 'batch'
  readonly policies: readonly string[] | null
  readonly path: string
  readonly orphan: boolean
  readonly num_uses: number
  readonly meta: Readonly<Record<string, string>> | null
}

export class TokenApi {
  readonly #api: VaultApi

  constructor(api: VaultApi) {
    this.#api = api
  }

  async lookupSelf(options: CallOptions = {}): Promise<TokenInfo> {
    const { data } = await this.#api.request<LookupBody>({
      ...options,
      method: 'GET',
      path: 'auth/token/lookup-self',
      operation: 'token_lookup',
      idempotent: true,
    })
    return infoOf(data)
  }

  /** @param options.incrementSeconds - the TTL to ask for, counted from now; Vault may grant less */
  async renewSelf({
    incrementSeconds,
    ...options
  }: CallOptions & { incrementSeconds?: number } = {}): Promise<VaultAuth> {
    const where = { operation: 'token_renew', path: 'auth/token/renew-self' }
    const body = incrementSeconds === undefined ? {} : { increment: Math.ceil(incrementSeconds) }
    return authOf(await this.#api.request({ ...options, ...where, method: 'POST', body }), where)
  }

  /** Ends the token, its children and every lease made with it. A batch token cannot be revoked. */
  async revokeSelf(options: CallOptions = {}): Promise<void> {
    await this.#api.request({
      ...options,
      method: 'POST',
      path: 'auth/token/revoke-self',
      operation: 'token_revoke',
    })
  }

  /** Makes a child token. */
  async create(token: TokenRequest, options: CallOptions = {}): Promise<VaultAuth> {
    const where = { operation: 'token_create', path: 'auth/token/create' }
    const seconds = (value: number | undefined): string | undefined => (value === undefined ? undefined : `${value}s`)
    const body = {
      policies: token.policies,
      ttl: seconds(token.ttlSeconds),
      explicit_max_ttl: seconds(token.explicitMaxTtlSeconds),
      period: seconds(token.periodSeconds),
      type: token.type,
      renewable: token.renewable,
      no_parent: token.noParent,
      no_default_policy: token.noDefaultPolicy,
      display_name: token.displayName,
    }
    const request = { ...options, ...where, method: 'POST', body, makesCredential: true } as const
    return authOf(await this.#api.request(request), where)
  }
}

function infoOf(body: LookupBody): TokenInfo {
  return {
    accessor: body.accessor || undefined,
    displayName: body.display_name,
    entityId: body.entity_id || undefined,
    ttlSeconds: body.ttl,
    creationTtlSeconds: body.creation_ttl,
    explicitMaxTtlSeconds: body.explicit_max_ttl,
    periodSeconds: body.period || undefined,
    renewable: body.renewable,
    type: body.type,
    policies: body.policies ?? [],
    path: body.path,
    orphan: body.orphan,
    numUses: body.num_uses,
    metadata: body.meta ?? {},
  }
}
