/**
 * From this package's own events to log events.
 * @module
 */
import {
  type InitializationFailed,
  type IntegrationInitialized,
  initializationFailed,
  integrationInitialized,
  type SecretFetched,
  type ShutdownComplete,
  type StaticCredentialsInUse,
  secretFetched,
  shutdownComplete,
  staticCredentialsInUse,
} from '../channels.js'
import type { Log } from './log.js'
import type { Subscriptions } from './subscriptions.js'

export function tellIntegration(subscriptions: Subscriptions, log: Log): void {
  subscriptions.on<IntegrationInitialized>(integrationInitialized, (event) => {
    log.event('vault_integration_initialized', {
      reason: 'start',
      spiffe_id: event.spiffeId,
      vault_enabled: event.vaultEnabled,
      spiffe_enabled: event.spiffeEnabled,
      database_role: event.databaseRole,
      admin_address: event.adminAddress,
      duration_seconds: event.durationSeconds,
    })
  })
  subscriptions.on<InitializationFailed>(initializationFailed, ({ step, error }) => {
    log.event('vault_initialization_failed', { reason: step, error })
  })
  subscriptions.on<SecretFetched>(secretFetched, ({ path, source, version }) => {
    log.event('credential_fetched', { reason: 'read', credential_type: 'kv', credential_name: path, source, version })
  })
  subscriptions.on<StaticCredentialsInUse>(staticCredentialsInUse, ({ dependency, setting }) => {
    log.event('static_credentials_in_use', { reason: 'switched_off', dependency, setting })
  })
  subscriptions.on<ShutdownComplete>(shutdownComplete, ({ reason, durationSeconds, left }) => {
    log.event('shutdown_complete', { reason, duration_seconds: durationSeconds, left_open: left })
  })
}
