export { DevError, type DevErrorCode } from './errors.js'
export { PostgresServer, type PostgresServerOptions, type PostgresStopMode } from './postgres/server.js'
export { type RealServerName, type RealServerState, realServerPrograms, realServerStates } from './real/programs.js'
export {
  RealSpire,
  type RealSpireOptions,
  type SpirePart,
} from './real/spire.js'
export type { SpireKeyManager, SpireLifetimes } from './real/spire-configuration.js'
export type { SpireEntry, SpireEntryRequest } from './real/spire-entry.js'
export { RealVault, type RealVaultOptions, type RealVaultStorage } from './real/vault.js'
export {
  type WorkloadPlace,
  WorkloadRunner,
  type WorkloadRunnerOptions,
  type WorkloadSeparation,
} from './real/workload-runner.js'
export { DevAuthority, type AuthorityChange, type DevAuthorityOptions } from './authority/dev-authority.js'
export type { IssuedX509 } from './authority/x509-authority.js'
export { DevWorkloadApi, type DevWorkloadApiOptions, type WorkloadOptions } from './workload-api/dev-workload-api.js'
export type { EntryOptions } from './workload-api/entry.js'
