/**
 * The events of this package, as `node:diagnostics_channel` publishes them. Each type is the list of what may be
 * logged.
 * @module
 */
import { channel } from 'node:diagnostics_channel'

/** Everything that the configuration asks for is held. */
export interface IntegrationInitialized {
  readonly service: string
  /** SPIFFE ID of this service; absent with SPIFFE off. */
  readonly spiffeId?: string
  readonly vaultEnabled: boolean
  readonly spiffeEnabled: boolean
  readonly databaseRole?: string
  readonly adminAddress?: string
  readonly durationSeconds: number
}
export const integrationInitialized = channel('chaveiro:integration:initialized')

/** The start was given up; nothing is left open. */
export interface InitializationFailed {
  readonly service: string
  /** What was being done: `spiffe`, `vault`, `database`, `admin`. */
  readonly step: string
  /** Only its code, message and the codes of its causes are written. */
  readonly error: unknown
}
export const initializationFailed = channel('chaveiro:integration:initialization-failed')

/** A KV secret was read. Its keys and values are not told. */
export interface SecretFetched {
  readonly path: string
  readonly source: 'vault' | 'static'
  /** Version of the KV v2 secret, where Vault gave it. */
  readonly version?: number
}
export const secretFetched = channel('chaveiro:integration:secret-fetched')

/** Static credentials stand in for a dependency that is switched off. */
export interface StaticCredentialsInUse {
  readonly dependency: 'vault' | 'spire'
  /** The switch that turned it off. */
  readonly setting: string
}
export const staticCredentialsInUse = channel('chaveiro:integration:static-credentials-in-use')

/** Everything was closed. */
export interface ShutdownComplete {
  readonly service: string
  readonly reason: string
  readonly durationSeconds: number
  /** What could not be closed in time; empty when all was. */
  readonly left: readonly string[]
}
export const shutdownComplete = channel('chaveiro:integration:shutdown-complete')
