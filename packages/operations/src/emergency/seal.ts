/**
 * The seal of one Vault server, read before anything is done about it.
 * @see https://developer.hashicorp.com/vault/api-docs/system/seal-status
 * @module
 */
import { type VaultClient, VaultUnreachableError } from '@chaveiro/vault'

/**
 * `auto`: a key server unseals it, and key shares do not. `migration`: the seal is being changed to another kind.
 */
export type SealState = 'unsealed' | 'sealed' | 'auto' | 'migration' | 'uninitialized' | 'unreachable'

export interface NodeSeal {
  readonly address: string
  readonly state: SealState
  /** `shamir`, or the kind of key server. */
  readonly type: string
  /** Shares that an unseal needs, of how many, and how many were given so far. */
  readonly threshold: number
  readonly shares: number
  readonly progress: number
  /** What to know, and what to do: for whoever reads this at 3 a.m. */
  readonly explanation: string
  readonly cure: string
}

interface SealBody {
  readonly type?: string
  readonly initialized?: boolean
  readonly sealed?: boolean
  readonly t?: number
  readonly n?: number
  readonly progress?: number
  readonly migration?: boolean
}

/** @throws {VaultError} for an answer that is none of Vault's */
export async function readSeal(client: VaultClient, signal?: AbortSignal): Promise<NodeSeal> {
  try {
    const { data } = await client.request<SealBody>({
      method: 'GET',
      path: 'sys/seal-status',
      operation: 'seal_status',
      anonymous: true,
      idempotent: true,
      signal,
    })
    return nodeSeal(client.address, data)
  } catch (error) {
    if (!(error instanceof VaultUnreachableError)) throw error
    return describe(client.address, {}, 'unreachable', error.message, error.cure)
  }
}

/** Migration is read before the type: a migration half done looks like a seal of either kind (vault#6810). */
export function nodeSeal(address: string, body: SealBody): NodeSeal {
  const { type = 'unknown', t = 0, progress = 0 } = body
  if (body.initialized === false) {
    const cure =
      'A server that should hold data has lost its storage, or joins a cluster: look at its log and its disk.'
    return describe(address, body, 'uninitialized', 'it was never initialised: there is nothing to unseal', cure)
  }
  if (body.sealed === false) return describe(address, body, 'unsealed', 'it is unsealed', '')
  if (body.migration === true) {
    const cure = `Finish it as it was begun: vault operator unseal -migrate -address=${address}, with ${t} shares of the old seal.`
    return describe(address, body, 'migration', 'a change of its seal was begun and not finished', cure)
  }
  if (type !== 'shamir') {
    const cure = `Look at its log and at the key server (${type}): network, permission, a key that was disabled; then restart Vault.`
    const explanation = `it is unsealed by ${type}, not by people: what they hold are recovery keys, which unseal nothing`
    return describe(address, body, 'auto', explanation, cure)
  }
  return describe(address, body, 'sealed', `${progress} of ${t} shares were given so far`, 'Give the shares.')
}

function describe(address: string, body: SealBody, state: SealState, explanation: string, cure: string): NodeSeal {
  const { type = 'unknown', t: threshold = 0, n: shares = 0, progress = 0 } = body
  return { address, state, type, threshold, shares, progress, explanation, cure }
}
