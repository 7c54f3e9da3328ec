export { type AuthorityChange, DevAuthority, type DevAuthorityOptions } from './authority/dev-authority.js'
export type { IssuedX509 } from './authority/x509-authority.js'
export { EmbeddedStack } from './embedded-stack.js'
export { DevError, type DevErrorCode } from './errors.js'
export { type DemoOptions, runDemo } from './platform/demo.js'
export { type DevStack, type DevStackOptions, startDevStack } from './platform/dev-stack.js'
export { type SampleFiles, sampleFiles } from './platform/files.js'
export { leftBehind } from './platform/left-behind.js'
export type { CallCounts, CredentialView, PlatformView, QueryCounts, ServiceView } from './platform/model.js'
export { SamplePlatform, type SamplePlatformOptions } from './platform/platform.js'
export { createDatabase, databaseVariables, prepareStack, sampleValues } from './platform/prepare.js'
export { type SampleService, sampleServices } from './platform/services.js'
export { type DemoSummary, type LeftBehind, type Observed, summarize } from './platform/summary.js'
export { demoTtls, readSampleManifest } from './platform/ttls.js'
export { PostgresServer, type PostgresServerOptions, type PostgresStopMode } from './postgres/server.js'
export { RealAlertmanager, type RealAlertmanagerOptions } from './real/alertmanager.js'
export { type RealServerName, type RealServerState, realServerPrograms, realServerStates } from './real/programs.js'
export { type QueriedSeries, RealPrometheus, type RealPrometheusOptions, type ScrapeTarget } from './real/prometheus.js'
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
export { RealStack, type RealStackOptions } from './real-stack.js'
export type { Admission, ServerVersion, Stack, StackOptions, StackTtls } from './stack.js'
export { DevVault, type DevVaultOptions } from './vault/dev-vault.js'
export { DevWorkloadApi, type DevWorkloadApiOptions, type WorkloadOptions } from './workload-api/dev-workload-api.js'
export type { EntryOptions } from './workload-api/entry.js'
