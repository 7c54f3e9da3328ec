/**
 * What a failure of Vault means to the rotation engine.
 * @module
 */
import type { Failure, FailureKind } from '@chaveiro/rotation'
import { VaultError, type VaultErrorCode } from './errors.js'

const kinds: Record<VaultErrorCode, FailureKind> = {
  ERR_VAULT_SEALED: 'unavailable',
  ERR_VAULT_UNINITIALIZED: 'unavailable',
  ERR_VAULT_STANDBY: 'unavailable',
  ERR_VAULT_UNREACHABLE: 'unavailable',
  ERR_VAULT_TIMEOUT: 'unavailable',
  ERR_VAULT_BACKEND_UNAVAILABLE: 'unavailable',
  ERR_VAULT_RATE_LIMITED: 'unavailable',
  ERR_VAULT_BAD_RESPONSE: 'unavailable',
  // A policy, or a token that has ended: which of the two, only a look at the token tells.
  ERR_VAULT_PERMISSION_DENIED: 'unauthorized',
  ERR_VAULT_TOKEN_INVALID: 'unauthorized',
  ERR_VAULT_LEASE_GONE: 'gone',
  ERR_VAULT_LEASE_NOT_RENEWABLE: 'gone',
  ERR_VAULT_LOGIN_FAILED: 'refused',
  ERR_VAULT_NOT_FOUND: 'refused',
  ERR_VAULT_SECRET_DELETED: 'refused',
  ERR_VAULT_CAS_MISMATCH: 'refused',
  ERR_VAULT_INVALID_REQUEST: 'refused',
  ERR_VAULT_REDIRECT_REFUSED: 'refused',
}

/** Reads a rejection of a Vault source; what is not Vault's counts as `unavailable`. */
export function classifyVaultError(error: unknown): Failure {
  if (!(error instanceof VaultError)) return { kind: 'unavailable' }
  const { code, retryAfterMs, outcomeUnknown } = error
  return {
    kind: kinds[code],
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(outcomeUnknown && { lost: true }),
  }
}
