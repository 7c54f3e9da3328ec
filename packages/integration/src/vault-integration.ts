/**
 * One object that gives a service its keys and keeps them fresh: wiring, and the order in which things open and
 * close. How each thing is done is below.
 * @module
 */
import type { RotatingPool } from '@chaveiro/postgres'
import { type Clock, type RotateOptions, type Rotation, type Source, systemClock } from '@chaveiro/rotation'
import type { VaultSession } from '@chaveiro/vault'
import type { RotateReport, ServiceReport } from './admin/report.js'
import { Calls } from './calls.js'
import {
  type InitializationFailed,
  type IntegrationInitialized,
  initializationFailed,
  integrationInitialized,
  type ShutdownComplete,
  type StaticCredentialsInUse,
  shutdownComplete,
  staticCredentialsInUse,
} from './channels.js'
import type { Configuration } from './configuration/configuration.js'
import type { Environment } from './configuration/environment.js'
import { type ConfigurationDefaults, loadConfiguration } from './configuration/load.js'
import { IntegrationError } from './errors.js'
import { Foundation } from './lifecycle/foundation.js'
import { keepAlive } from './lifecycle/keep-alive.js'
import { StartBound } from './lifecycle/start-bound.js'
import { openDatabase } from './parts/database-access.js'
import { type Identity, openIdentity } from './parts/identity.js'
import { Secrets } from './parts/secrets.js'
import { openVault } from './parts/vault-access.js'
import { StaticSecrets } from './static-credentials/static-secrets.js'
import { Log, type LogStream } from './telemetry/log.js'

export interface StartOptions {
  /** Default: read from the environment and the file, as {@link loadConfiguration} does. */
  readonly configuration?: Configuration
  /** Default: the environment of the process. */
  readonly env?: Environment
  /** Default: what `CHAVEIRO_CONFIG` names. */
  readonly configurationFile?: string
  /** What the code sets itself; the environment and the file come before it. */
  readonly defaults?: ConfigurationDefaults
  /** Where log lines go. Default: standard output. */
  readonly logStream?: LogStream
  /** Whether SIGHUP renews everything now. Default true. */
  readonly renewOnSighup?: boolean
  /** Gives up the start. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

/** What the start has opened. */
interface Parts {
  readonly identity: Identity | undefined
  readonly session: VaultSession | undefined
  readonly pool: RotatingPool | undefined
}

export class VaultIntegration implements AsyncDisposable {
  readonly configuration: Configuration
  /** KV secrets, or the static ones that stand in for them. */
  readonly secrets: Secrets
  /** gRPC with this service's identity. */
  readonly calls: Calls
  readonly #parts: Parts
  readonly #foundation: Foundation
  readonly #clock: Clock
  /** Ids of the rotations that the application asked for. */
  readonly #own = new Set<string>()
  #closed: Promise<void> | undefined

  /**
   * Opens everything that the configuration asks for and waits until it is held, at most `start.timeout`. Servers
   * that are away are waited for; one that refuses is not. A start that fails leaves nothing open.
   * @throws {ConfigurationError} for a configuration that cannot be used
   * @throws {IntegrationError} ERR_INTEGRATION_START_FAILED, ERR_INTEGRATION_START_TIMEOUT (cause: the failure),
   *   ERR_INTEGRATION_ADMIN_ADDRESS_IN_USE, ERR_INTEGRATION_ADMIN_LISTEN
   */
  static async start(options: StartOptions = {}): Promise<VaultIntegration> {
    const { clock = systemClock, logStream = process.stdout, renewOnSighup = true, signal } = options
    const configuration = options.configuration ?? readConfiguration(options, logStream, clock)
    const startedMs = clock.monotonicMs()
    const foundation = new Foundation({ configuration, clock, logStream, renewOnSighup })
    const bound = new StartBound(clock, configuration.startTimeoutMs, signal)
    const letEnd = keepAlive()
    try {
      await bound.run('admin', () => foundation.serve())
      announceStaticCredentials(configuration)
      const parts = await openParts(configuration, foundation, bound, clock)
      const integration = new VaultIntegration(configuration, parts, foundation, clock)
      foundation.view.phase = 'running'
      integrationInitialized.publish(initialized(integration, (clock.monotonicMs() - startedMs) / 1000))
      return integration
    } catch (error) {
      const failure: InitializationFailed = { service: configuration.serviceName, step: bound.step, error }
      initializationFailed.publish(failure)
      await foundation.close(configuration.shutdownTimeoutMs)
      throw error
    } finally {
      bound.end()
      letEnd()
    }
  }

  private constructor(configuration: Configuration, parts: Parts, foundation: Foundation, clock: Clock) {
    const { serviceName, spiffe, vault, static: fixed } = configuration
    const { session } = parts
    this.configuration = configuration
    this.#parts = parts
    this.#foundation = foundation
    this.#clock = clock
    this.secrets = new Secrets(
      session === undefined || vault === undefined
        ? { static: new StaticSecrets({ variables: fixed.secrets, folder: fixed.secretsFolder }) }
        : { session, mount: vault.kvMount },
    )
    const identity = parts.identity ?? { peerToken: fixed.peerToken }
    this.calls = new Calls({ identity, serviceName, audience: spiffe?.audience, clock })
    // First of all at the end: the application's sources may need what is beneath them.
    foundation.closers.add("the application's rotations", (timeoutMs) => this.#closeOwn(timeoutMs))
  }

  /**
   * The pool that the application keeps; its credentials change beneath it.
   * @throws {IntegrationError} ERR_INTEGRATION_NOT_CONFIGURED when no database is configured
   */
  get pool(): RotatingPool {
    return (
      this.#parts.pool ??
      notConfigured('no database is configured', 'Set CHAVEIRO_DATABASE_HOST and what goes with it.')
    )
  }

  /**
   * The X.509-SVID, JWT-SVIDs and trust bundles of this service.
   * @throws {IntegrationError} ERR_INTEGRATION_NOT_CONFIGURED with SPIFFE off
   */
  get identity(): Identity {
    return this.#parts.identity ?? notConfigured('SPIFFE is switched off', 'Set CHAVEIRO_SPIFFE_ENABLED=true.')
  }

  /**
   * The session with Vault, for what this class has no method for.
   * @throws {IntegrationError} ERR_INTEGRATION_NOT_CONFIGURED with Vault off
   */
  get vault(): VaultSession {
    return this.#parts.session ?? notConfigured('Vault is switched off', 'Set CHAVEIRO_VAULT_ENABLED=true.')
  }

  /** Host and port at which metrics, health and the status page are served; undefined when they are switched off. */
  get adminAddress(): string | undefined {
    return this.#foundation.adminAddress
  }

  /** Keeps a credential of the application's own fresh; it is shown and measured like the others. */
  rotate<T>(source: Source<T>, options?: RotateOptions<T>): Rotation<T> {
    const rotation = this.#foundation.rotator.rotate(source, options)
    this.#own.add(rotation.id)
    return rotation
  }

  /** Renews everything but SVIDs now, as SIGHUP does; those the agent renews. Failures are in the report. */
  renewAll(): Promise<RotateReport> {
    return this.#foundation.view.rotate()
  }

  /** What `/rotations` answers: every credential's life and last events. No value, no secret. */
  report(): ServiceReport {
    return this.#foundation.view.report()
  }

  /** The Prometheus text that `/metrics` answers. */
  async metrics(): Promise<string> {
    return (await this.#foundation.view.metrics()).body
  }

  /**
   * Drains, revokes the leases, then the token, and closes everything in reverse order, within `shutdown.timeout`.
   * Calling it again is harmless.
   * @param reason - told in the log: the signal, for instance
   */
  close(reason = 'close'): Promise<void> {
    this.#closed ??= this.#close(reason)
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #closeOwn(timeoutMs: number): Promise<void> {
    const own = [...this.#foundation.rotator.rotations].filter(({ id }) => this.#own.has(id))
    await Promise.all(own.map((rotation) => rotation.close({ timeoutMs })))
  }

  async #close(reason: string): Promise<void> {
    const startedMs = this.#clock.monotonicMs()
    const { serviceName: service, shutdownTimeoutMs } = this.configuration
    const letEnd = keepAlive()
    await this.#foundation.close(shutdownTimeoutMs, (left) => {
      const durationSeconds = (this.#clock.monotonicMs() - startedMs) / 1000
      shutdownComplete.publish({ service, reason, durationSeconds, left } satisfies ShutdownComplete)
    })
    letEnd()
  }
}

/** A configuration that cannot be used is told in the log too, as far as there is one. */
function readConfiguration(options: StartOptions, stream: LogStream, clock: Clock): Configuration {
  const { env = process.env, configurationFile: file, defaults = {} } = options
  try {
    return loadConfiguration({ env, defaults, ...(file === undefined ? {} : { file }) })
  } catch (error) {
    const log = new Log({ serviceName: 'unknown', level: 'info', stream, clock })
    log.event('vault_initialization_failed', { reason: 'configuration', error })
    throw error
  }
}

function announceStaticCredentials({ vault, spiffe }: Configuration): void {
  const announce = (event: StaticCredentialsInUse): void => staticCredentialsInUse.publish(event)
  if (vault === undefined) announce({ dependency: 'vault', setting: 'CHAVEIRO_VAULT_ENABLED=false' })
  if (spiffe === undefined) announce({ dependency: 'spire', setting: 'CHAVEIRO_SPIFFE_ENABLED=false' })
}

async function openParts(
  configuration: Configuration,
  { rotator, closers, view }: Foundation,
  bound: StartBound,
  clock: Clock,
): Promise<Parts> {
  const { vault, spiffe, database, serviceName } = configuration
  const shared = { rotator, closers, bound, clock }
  const identity = spiffe && (await openIdentity({ ...shared, configuration: spiffe }))
  if (identity !== undefined) view.follow(identity.x509)
  const session = vault && (await openVault({ ...shared, configuration: vault, jwt: identity?.jwt }))
  const grant =
    session !== undefined && vault !== undefined && database?.role !== undefined
      ? { session, mount: vault.databaseMount, role: database.role }
      : configuration.static.database
  const pool = database && grant && (await openDatabase({ ...shared, configuration: database, grant, serviceName }))
  return { identity, session, pool }
}

function initialized(integration: VaultIntegration, durationSeconds: number): IntegrationInitialized {
  const { configuration, adminAddress } = integration
  const { spiffe_id: spiffeId } = integration.report()
  return {
    service: configuration.serviceName,
    vaultEnabled: configuration.vault !== undefined,
    spiffeEnabled: configuration.spiffe !== undefined,
    durationSeconds,
    ...(spiffeId === null ? {} : { spiffeId }),
    ...(configuration.database?.role === undefined ? {} : { databaseRole: configuration.database.role }),
    ...(adminAddress === undefined ? {} : { adminAddress }),
  }
}

function notConfigured(message: string, cure: string): never {
  throw new IntegrationError('ERR_INTEGRATION_NOT_CONFIGURED', message, { cure })
}
