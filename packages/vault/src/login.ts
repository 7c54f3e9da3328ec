/**
 * Logging in: an identity is shown to an auth method, which answers with a token.
 * @module
 */
import { Secret } from '@chaveiro/rotation'
import type { VaultClient } from './client.js'
import { vaultError } from './errors.js'
import type { AuthBody, CallOptions, VaultResponse } from './request.js'
import type { VaultToken } from './token.js'

/** What a login, a creation or a renewal of a token grants. */
export interface VaultAuth extends VaultToken {
  /** 0: never ends. */
  readonly ttlSeconds: number
  readonly renewable: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly entityId: string | undefined
  readonly orphan: boolean
}

/** One way to log in. A login keeps no state between calls, and obtains a fresh proof of identity at each. */
export interface Login {
  /** For events: `jwt`, for instance. */
  readonly method: string
  /** @param client - bears no token */
  login(client: VaultClient, options: CallOptions): Promise<VaultAuth>
}

/** @throws {VaultError} ERR_VAULT_BAD_RESPONSE when the answer holds no token */
export function authOf(
  { auth, status, requestId }: VaultResponse<unknown>,
  where: { readonly operation: string; readonly path: string },
): VaultAuth {
  // A second factor that is still owed leaves the token empty.
  if (!auth?.client_token) {
    throw vaultError('ERR_VAULT_BAD_RESPONSE', 'the answer holds no token', { ...where, status, requestId })
  }
  return fromBody(auth)
}

function fromBody(auth: AuthBody): VaultAuth {
  return {
    token: new Secret(auth.client_token),
    accessor: auth.accessor || undefined,
    type: auth.token_type,
    policies: auth.policies ?? [],
    numUses: auth.num_uses,
    ttlSeconds: auth.lease_duration,
    renewable: auth.renewable,
    metadata: auth.metadata ?? {},
    entityId: auth.entity_id || undefined,
    orphan: auth.orphan,
  }
}
