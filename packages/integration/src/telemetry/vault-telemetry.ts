/**
 * From the events of requests to counts and the state of Vault. Logins and renewals are told by the rotation of the
 * token, which knows their cause.
 * @module
 */
import { type VaultRequestEnded, type VaultStateSeen, vaultRequest, vaultStateSeen } from '@chaveiro/vault'
import type { Meters } from './meters.js'
import type { Subscriptions } from './subscriptions.js'

export function tellVault(subscriptions: Subscriptions, meters: Meters): void {
  subscriptions.on<VaultRequestEnded>(vaultRequest, ({ operation, status, durationSeconds }) => {
    meters.count('vault_requests_total', { operation, status })
    meters.observe('vault_request_duration_seconds', { operation }, durationSeconds)
  })
}

/** The state of Vault as this client last saw it. */
export class LastVaultState {
  #seen: string | undefined

  constructor(subscriptions: Subscriptions) {
    subscriptions.on<VaultStateSeen>(vaultStateSeen, ({ state }) => {
      this.#seen = state
    })
  }

  /** Undefined before the first answer. */
  get seen(): string | undefined {
    return this.#seen
  }
}
