/**
 * What this package tells about itself, on `node:diagnostics_channel`. A type is the list of what may be logged:
 * a token, a password or a JWT has no field to be in.
 * @module
 */
import { type Channel, channel } from 'node:diagnostics_channel'
import type { VaultErrorCode } from './errors.js'

function typed<T>(name: string): Channel<unknown, T> {
  return channel(`chaveiro:vault:${name}`) as Channel<unknown, T>
}

/**
 * What is asked of Vault: the closed set of the product's own requests, fit for a metric label. Requests that an
 * application makes itself may bear other names.
 */
export type VaultOperation =
  | 'login'
  | 'token_create'
  | 'token_lookup'
  | 'token_renew'
  | 'token_revoke'
  | 'kv_read'
  | 'kv_write'
  | 'kv_list'
  | 'kv_delete'
  | 'database_credential'
  | 'database_static_credential'
  | 'database_configure'
  | 'auth_configure'
  | 'lease_renew'
  | 'lease_revoke'
  | 'lease_lookup'
  | 'health'
  | 'seal_status'
  | 'sys'

/** How a request ended, fit for a metric label. */
export type VaultRequestStatus =
  | 'success'
  | 'sealed'
  | 'permission_denied'
  | 'not_found'
  | 'invalid_request'
  | 'rate_limited'
  | 'standby'
  | 'uninitialized'
  | 'timeout'
  | 'unreachable'
  | 'error'

/** A request has ended; one event for each, its retries included. */
export const vaultRequest = typed<VaultRequestEnded>('request')
export interface VaultRequestEnded {
  readonly operation: string
  readonly status: VaultRequestStatus
  readonly durationSeconds: number
  /** Times that it was sent. */
  readonly attempts: number
  readonly httpStatus?: number | undefined
  readonly errorCode?: VaultErrorCode | undefined
  /** Vault's own id of the request, as in its audit log. */
  readonly requestId?: string | undefined
  /** Binds what belongs to one attempt of a rotation together. */
  readonly correlationId?: string | undefined
}

/** A login gave a token. */
export const loginSucceeded = typed<LoginSucceeded>('login-succeeded')
export interface LoginSucceeded {
  /** For instance `jwt`. */
  readonly method: string
  readonly grantedSeconds: number
  readonly renewable: boolean
  readonly policies: readonly string[]
  readonly correlationId?: string | undefined
}

/** A login gave none. */
export const loginFailed = typed<LoginFailed>('login-failed')
export interface LoginFailed {
  readonly method: string
  /** Absent when the failure is not Vault's: the identity could not be had. */
  readonly errorCode?: string | undefined
  readonly correlationId?: string | undefined
}

/** What Vault is, as a client sees it. */
export type VaultState = 'active' | 'standby' | 'sealed' | 'uninitialized' | 'unreachable'

/** The state seen by the last request differs from the one before, or is the first. */
export const vaultStateSeen = typed<VaultStateSeen>('state-seen')
export interface VaultStateSeen {
  readonly state: VaultState
  readonly before?: VaultState | undefined
}

/**
 * A login or a request for a credential may have been carried out although its answer did not arrive. What Vault
 * made then, nobody holds: it lives on to its end.
 */
export const replyLost = typed<ReplyLost>('reply-lost')
export interface ReplyLost {
  readonly operation: string
  readonly correlationId?: string | undefined
}
