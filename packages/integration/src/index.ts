export type {
  CredentialReport,
  EventReport,
  HealthReport,
  MissingReport,
  RotateReport,
  ServiceReport,
} from './admin/report.js'
export { Calls, type CallsOptions, type ClientCallOptions, type ServerCallOptions } from './calls.js'
export type {
  Configuration,
  DatabaseConfiguration,
  SpiffeConfiguration,
  StaticConfiguration,
  VaultConfiguration,
} from './configuration/configuration.js'
export { type ConfigurationRow, describeConfiguration } from './configuration/describe.js'
export type { Environment } from './configuration/environment.js'
export { ConfigurationError, type ConfigurationErrorCode, type ConfigurationProblem } from './configuration/errors.js'
export { type ConfigurationDefaults, type LoadOptions, loadConfiguration } from './configuration/load.js'
export { IntegrationError, type IntegrationErrorCode } from './errors.js'
export { type ExitCode, exitCodeFor } from './exit-code.js'
export { type RunUntilSignalOptions, runUntilSignal, type SignalledProcess } from './lifecycle/signals.js'
export type { Identity } from './parts/identity.js'
export type { ReadOptions, Secrets, ServiceSecret } from './parts/secrets.js'
export type { LogStream } from './telemetry/log.js'
export { type LogComponent, type LogEventName, type LogLevel, logEvents } from './telemetry/log-events.js'
export {
  type LabelValues,
  type MetricDefinition,
  type MetricLabels,
  type MetricName,
  type MetricType,
  type MetricUnit,
  metricDefinitions,
} from './telemetry/metrics.js'
export { type StartOptions, VaultIntegration } from './vault-integration.js'
