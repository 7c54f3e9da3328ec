/**
 * Ends a token that was made for a trial.
 * @module
 */
import { PermissionDeniedError, type VaultAuth, type VaultClient } from '@chaveiro/vault'

/**
 * By the token itself, as a service does; by whoever checks, when its policy does not let it.
 * @returns whether it could end itself
 * @throws {VaultError} when neither could: it lives on until its TTL is over
 */
export async function endToken(vault: VaultClient, { token, accessor }: VaultAuth): Promise<boolean> {
  try {
    await vault.withToken(() => token).token.revokeSelf()
    return true
  } catch (error) {
    if (!(error instanceof PermissionDeniedError)) throw error
    await vault.request({
      method: 'POST',
      path: 'auth/token/revoke-accessor',
      body: { accessor },
      operation: 'token_revoke',
    })
    return false
  }
}
