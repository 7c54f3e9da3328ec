/**
 * Hears what every package of the house publishes, and turns it into log lines, metrics and the flight recorder's
 * memory. It listens to the whole process: one service, one telemetry.
 * @module
 */
import { type Clock, FlightRecorder, type RotationEvent } from '@chaveiro/rotation'
import { type TrustBundleUpdated, trustBundleUpdated } from '@chaveiro/spiffe'
import { type Holdings, readGauges } from './gauges.js'
import { tellCalls } from './grpc-telemetry.js'
import { tellIntegration } from './integration-telemetry.js'
import { Log, type LogStream } from './log.js'
import type { LogLevel } from './log-events.js'
import { Meters } from './meters.js'
import { tellRotations } from './rotation-telemetry.js'
import { tellSvids } from './spiffe-telemetry.js'
import { Subscriptions } from './subscriptions.js'
import { LastVaultState, tellVault } from './vault-telemetry.js'

export interface TelemetryOptions {
  readonly serviceName: string
  readonly level: LogLevel
  readonly stream: LogStream
  readonly clock: Clock
}

/** Listens from its construction until it is closed. */
export class Telemetry {
  readonly #meters: Meters
  readonly #subscriptions = new Subscriptions()
  readonly #recorder = new FlightRecorder()
  readonly #vaultState = new LastVaultState(this.#subscriptions)
  #lastBundleUpdateMs: number | undefined
  /** What the scrape under way shows: many gauges, one look. */
  #scraped: ReturnType<Holdings['credentials']> | undefined

  constructor({ serviceName, level, stream, clock }: TelemetryOptions) {
    const log = new Log({ serviceName, level, stream, clock })
    this.#meters = new Meters(serviceName)
    tellIntegration(this.#subscriptions, log)
    tellRotations(this.#subscriptions, log, this.#meters)
    tellVault(this.#subscriptions, this.#meters)
    tellSvids(this.#subscriptions, log, this.#meters)
    tellCalls(this.#subscriptions, log, this.#meters)
    this.#subscriptions.on<TrustBundleUpdated>(trustBundleUpdated, ({ atWallMs }) => {
      this.#lastBundleUpdateMs = atWallMs
    })
  }

  /** State of Vault as last seen; undefined before the first answer. */
  get vaultState(): string | undefined {
    return this.#vaultState.seen
  }

  /** From now on, scrapes show what is held. */
  show(holdings: Pick<Holdings, 'credentials' | 'staticFor'>): void {
    readGauges(this.#meters, {
      ...holdings,
      credentials: () => {
        this.#scraped ??= holdings.credentials()
        return this.#scraped
      },
      vaultState: () => this.#vaultState.seen,
      lastBundleUpdateMs: () => this.#lastBundleUpdateMs,
    })
  }

  async metrics(): Promise<{ contentType: string; body: string }> {
    this.#scraped = undefined
    try {
      return { contentType: this.#meters.contentType, body: await this.#meters.render() }
    } finally {
      this.#scraped = undefined
    }
  }

  /** What the flight recorder keeps of one rotation, oldest first. */
  events(rotationId: string): readonly RotationEvent[] {
    return this.#recorder.events(rotationId)
  }

  /** Calling it again is harmless. */
  close(): void {
    this.#subscriptions.close()
    this.#recorder.close()
  }
}
