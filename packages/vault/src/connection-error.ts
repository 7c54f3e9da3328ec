/**
 * Reading what the HTTP library throws: what it means, and whether the request may have reached Vault.
 * @module
 */
import { type VaultError, type VaultErrorDetails, vaultError } from './errors.js'
import { TransportRefusal } from './transport.js'

/** Failures before a byte of the request was sent. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** The names that OpenSSL and Node give to a handshake that fails. */
const tlsFailure = /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_|ISSUER/

export function connectionError(error: unknown, where: Pick<VaultErrorDetails, 'operation' | 'path'>): VaultError {
  if (error instanceof TransportRefusal) {
    const details = { ...where, outcomeUnknown: error.reason === 'too-large' }
    const code = error.reason === 'redirect' ? 'ERR_VAULT_REDIRECT_REFUSED' : 'ERR_VAULT_BAD_RESPONSE'
    return vaultError(code, error.message, details)
  }
  const code = codeOf(error)
  if (tlsFailure.test(code)) {
    const message = `no TLS connection: ${code}; the certificate of Vault is not one that this client's CA vouches for`
    return vaultError('ERR_VAULT_UNREACHABLE', message, { ...where, cause: error })
  }
  const outcomeUnknown = !neverSent.has(code)
  const message = outcomeUnknown ? `the connection broke (${code})` : `cannot be reached (${code})`
  return vaultError('ERR_VAULT_UNREACHABLE', message, { ...where, cause: error, outcomeUnknown })
}

function codeOf(error: unknown): string {
  // A name with several addresses fails with all their errors at once.
  const first = error instanceof AggregateError && !('code' in error) ? error.errors[0] : error
  const code = (first as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'unknown'
}
