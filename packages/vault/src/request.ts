/**
 * A request to Vault's API and its answer, as every part of this package sees them.
 * @see https://developer.hashicorp.com/vault/api-docs
 * @module
 */

/** `LIST` travels as `GET` with `?list=true`, which is the same to Vault and passes every proxy. */
export type VaultMethod = 'GET' | 'HEAD' | 'LIST' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface VaultRequest {
  readonly method: VaultMethod
  /** API path without `/v1/`, as text: what needs escaping is escaped. For instance `secret/data/app/db`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean>>
  /** Sent as JSON. */
  readonly body?: Readonly<Record<string, unknown>>
  /** Names the request in metrics and errors: one of `VaultOperation`, or a name of the application's own. */
  readonly operation: string
  readonly signal?: AbortSignal | undefined
  /** Binds events of one attempt together. */
  readonly correlationId?: string | undefined
  /** Sent without a token. Default false. */
  readonly anonymous?: boolean
  /** A read that changes nothing: made again, a few times at most, when the failure may pass. Default false. */
  readonly idempotent?: boolean
  /** Vault may have made a credential: an answer that is lost is an event. Default false. */
  readonly makesCredential?: boolean
  /** Error statuses that are answers all the same. Default: none. */
  readonly accepts?: readonly number[]
}

export interface VaultResponse<T> {
  readonly status: number
  /** `data` of the envelope; the whole body of the few endpoints that have no envelope. */
  readonly data: T
  readonly requestId: string | undefined
  /** Lease of a dynamic secret; absent when there is none. */
  readonly leaseId: string | undefined
  readonly leaseSeconds: number
  readonly renewable: boolean
  /** Of a login, a renewal or a creation of a token. */
  readonly auth: AuthBody | undefined
  readonly warnings: readonly string[]
}

/** `auth` of the envelope, as Vault names its fields. */
export interface AuthBody {
  readonly client_token: string
  readonly accessor: string
  readonly policies: readonly string[] | null
  readonly token_policies: readonly string[] | null
  readonly metadata: Readonly<Record<string, string>> | null
  readonly lease_duration: number
  readonly renewable: boolean
  readonly entity_id: string
  readonly token_type: 'service' | 'batch'
  readonly orphan: boolean
  readonly num_uses: number
}

/** What accompanies each call of this package's API. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly correlationId?: string | undefined
}

/** A server and a token, as the parts of the API use them. */
export interface VaultApi {
  /** Names the server to people. */
  readonly address: string
  request<T>(request: VaultRequest): Promise<VaultResponse<T>>
}
