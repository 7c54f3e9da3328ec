/**
 * What every failure of this package is thrown as: classes by meaning, told apart by stable codes.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type VaultErrorCode =
  | 'ERR_VAULT_SEALED'
  | 'ERR_VAULT_UNINITIALIZED'
  | 'ERR_VAULT_STANDBY'
  | 'ERR_VAULT_UNREACHABLE'
  | 'ERR_VAULT_TIMEOUT'
  | 'ERR_VAULT_BACKEND_UNAVAILABLE'
  | 'ERR_VAULT_RATE_LIMITED'
  | 'ERR_VAULT_PERMISSION_DENIED'
  | 'ERR_VAULT_TOKEN_INVALID'
  | 'ERR_VAULT_LOGIN_FAILED'
  | 'ERR_VAULT_LEASE_GONE'
  | 'ERR_VAULT_LEASE_NOT_RENEWABLE'
  | 'ERR_VAULT_NOT_FOUND'
  | 'ERR_VAULT_SECRET_DELETED'
  | 'ERR_VAULT_CAS_MISMATCH'
  | 'ERR_VAULT_INVALID_REQUEST'
  | 'ERR_VAULT_REDIRECT_REFUSED'
  | 'ERR_VAULT_BAD_RESPONSE'

const cures: Record<VaultErrorCode, string> = {
  ERR_VAULT_SEALED:
    'Unseal Vault (vault operator unseal, or chaveiro emergency unseal); credentials that live are kept.',
  ERR_VAULT_UNINITIALIZED: 'Initialise Vault (vault operator init), then unseal it.',
  ERR_VAULT_STANDBY: 'Point VAULT_ADDR at the active node or the load balancer, or wait for a leader to be elected.',
  ERR_VAULT_UNREACHABLE: 'Check VAULT_ADDR, that Vault runs and that the network lets this host reach it.',
  ERR_VAULT_TIMEOUT: 'See why Vault is slow or the network drops packets; raise VAULT_CLIENT_TIMEOUT only after that.',
  ERR_VAULT_BACKEND_UNAVAILABLE:
    'Vault answers, but what is behind it failed: look at the database, the key server or the storage it names.',
  ERR_VAULT_RATE_LIMITED: 'Vault has a quota that this call exceeds: wait, spread the load or raise the quota.',
  ERR_VAULT_PERMISSION_DENIED: 'Let the policy of this token allow the path, or use a role whose policy does.',
  ERR_VAULT_TOKEN_INVALID: 'No token was sent, or it was revoked or has ended: log in.',
  ERR_VAULT_LOGIN_FAILED: 'Compare the role (audience, subject, mount) with the identity that is presented.',
  ERR_VAULT_LEASE_GONE: 'The lease was revoked or has ended: ask for a new credential.',
  ERR_VAULT_LEASE_NOT_RENEWABLE: 'This cannot be renewed: ask for a new one before it ends.',
  ERR_VAULT_NOT_FOUND: 'Check mount and path; KV v2 paths are given without data/ or metadata/.',
  ERR_VAULT_SECRET_DELETED: 'Undelete the version (vault kv undelete), or write a new one.',
  ERR_VAULT_CAS_MISMATCH: 'Somebody wrote in between: read again, decide, write with the version just read.',
  ERR_VAULT_INVALID_REQUEST: 'Correct the request as the message says; asking again changes nothing.',
  ERR_VAULT_REDIRECT_REFUSED: 'Add that origin to allowedRedirectOrigins if the token may go there.',
  ERR_VAULT_BAD_RESPONSE: 'Something other than Vault answers at VAULT_ADDR: a proxy, a login page, another service?',
}

/** Where and how something failed. Nothing here holds a secret. */
export interface VaultErrorDetails {
  /** The label of the request's metrics. */
  readonly operation: string
  /** API path without `/v1/` and query. */
  readonly path: string
  /** HTTP status, when there was an answer. */
  readonly status?: number | undefined
  /** Vault's `request_id`, which its audit log has too. */
  readonly requestId?: string | undefined
  /** How long Vault asked us to stay away (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** The request may have been carried out although no usable answer came. */
  readonly outcomeUnknown?: boolean | undefined
  readonly cause?: unknown
}

/** What every failure of this package is thrown as; tell them apart by {@link VaultError.code}. */
export class VaultError extends Error implements VaultErrorDetails {
  readonly code: VaultErrorCode
  /** The next step for whoever reads this at 3 a.m. Like `message`, it never holds a secret. */
  readonly cure: string
  readonly operation: string
  readonly path: string
  readonly status: number | undefined
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined
  readonly outcomeUnknown: boolean

  constructor(code: VaultErrorCode, message: string, details: VaultErrorDetails) {
    super(`${details.operation} (${details.path}): ${message}`, 'cause' in details ? { cause: details.cause } : {})
    this.name = new.target.name
    this.code = code
    this.cure = cures[code]
    this.operation = details.operation
    this.path = details.path
    this.status = details.status
    this.requestId = details.requestId
    this.retryAfterMs = details.retryAfterMs
    this.outcomeUnknown = details.outcomeUnknown ?? false
  }
}

/** Vault is sealed: nothing is answered until it is unsealed. Leases go on ageing. */
export class SealedError extends VaultError {}
/** Vault has not been initialised. */
export class UninitializedError extends VaultError {}
/** This node is not the active one, and does not forward. */
export class StandbyError extends VaultError {}
/** No answer: not reached, or not in time (`ERR_VAULT_TIMEOUT`). */
export class VaultUnreachableError extends VaultError {}
/** Vault answers, but what is behind it does not: a database, a key server, the storage. */
export class BackendUnavailableError extends VaultError {}
/** A quota of Vault is used up; see {@link VaultError.retryAfterMs}. */
export class RateLimitedError extends VaultError {}
/** A policy says no, or (`ERR_VAULT_TOKEN_INVALID`) the token is not known any more. */
export class PermissionDeniedError extends VaultError {}
/** The auth method refused what was presented to it. */
export class LoginFailedError extends VaultError {}
/** The lease is not known: it was revoked, or has ended. */
export class LeaseNotFoundError extends VaultError {}
/** Nothing at that path. */
export class NotFoundError extends VaultError {}
/** The request cannot be carried out as it is. */
export class InvalidRequestError extends VaultError {}
/** The version given for check-and-set is not the current one. */
export class CasMismatchError extends InvalidRequestError {}

/** The version of a KV v2 secret exists, but was deleted or destroyed. */
export class SecretDeletedError extends NotFoundError {
  /** The version that was asked for, or the newest. */
  readonly version: number
  /** Destroyed for good; otherwise it can be undeleted. */
  readonly destroyed: boolean

  constructor(message: string, details: VaultErrorDetails & { version: number; destroyed: boolean }) {
    super('ERR_VAULT_SECRET_DELETED', message, details)
    this.version = details.version
    this.destroyed = details.destroyed
  }
}

type VaultErrorClass = new (code: VaultErrorCode, message: string, details: VaultErrorDetails) => VaultError

const classes: Record<Exclude<VaultErrorCode, 'ERR_VAULT_SECRET_DELETED'>, VaultErrorClass> = {
  ERR_VAULT_SEALED: SealedError,
  ERR_VAULT_UNINITIALIZED: UninitializedError,
  ERR_VAULT_STANDBY: StandbyError,
  ERR_VAULT_UNREACHABLE: VaultUnreachableError,
  ERR_VAULT_TIMEOUT: VaultUnreachableError,
  ERR_VAULT_BACKEND_UNAVAILABLE: BackendUnavailableError,
  ERR_VAULT_RATE_LIMITED: RateLimitedError,
  ERR_VAULT_PERMISSION_DENIED: PermissionDeniedError,
  ERR_VAULT_TOKEN_INVALID: PermissionDeniedError,
  ERR_VAULT_LOGIN_FAILED: LoginFailedError,
  ERR_VAULT_LEASE_GONE: LeaseNotFoundError,
  ERR_VAULT_LEASE_NOT_RENEWABLE: InvalidRequestError,
  ERR_VAULT_NOT_FOUND: NotFoundError,
  ERR_VAULT_CAS_MISMATCH: CasMismatchError,
  ERR_VAULT_INVALID_REQUEST: InvalidRequestError,
  ERR_VAULT_REDIRECT_REFUSED: VaultError,
  ERR_VAULT_BAD_RESPONSE: VaultError,
}

/** An error of the class that its code stands for. */
export function vaultError(
  code: Exclude<VaultErrorCode, 'ERR_VAULT_SECRET_DELETED'>,
  message: string,
  details: VaultErrorDetails,
): VaultError {
  return new classes[code](code, message, details)
}
