/**
 * Tokens as Vault grants them: by a login, a renewal, a creation.
 * @module
 */
import { Secret } from '@chaveiro/rotation'
import { vaultError } from './errors.js'
import type { AuthBody, VaultResponse } from './request.js'

/** A token that can be used. */
export interface VaultToken {
  readonly token: Secret
  /** Names the token without giving its power; a batch token has none. */
  readonly accessor: string | undefined
  readonly type: 'service' | 'batch'
  readonly policies: readonly string[]
  /** Requests that it is good for; 0: any number. */
  readonly numUses: number
}

/** What a login, a creation or a renewal of a token grants. */
export interface VaultAuth extends VaultToken {
  /** 0: never ends. */
  readonly ttlSeconds: number
  readonly renewable: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly entityId: string | undefined
  readonly orphan: boolean
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
