/**
 * What stands before anything is fetched and after everything is closed: telemetry, the rotator, the admin server.
 * Probes and scrapes are answered from the first moment to the last.
 * @module
 */
import { type Clock, Rotator } from '@chaveiro/rotation'
import { AdminServer } from '../admin/server.js'
import type { Configuration } from '../configuration/configuration.js'
import { ServiceView } from '../service-view.js'
import type { LogStream } from '../telemetry/log.js'
import { Telemetry } from '../telemetry/telemetry.js'
import { Closers } from './closers.js'

export interface FoundationOptions {
  readonly configuration: Configuration
  readonly clock: Clock
  readonly logStream: LogStream
  readonly renewOnSighup: boolean
}

export class Foundation {
  readonly closers: Closers
  readonly rotator: Rotator
  readonly view: ServiceView
  readonly #telemetry: Telemetry
  readonly #options: FoundationOptions
  #admin: AdminServer | undefined

  constructor(options: FoundationOptions) {
    const { configuration, clock, logStream: stream } = options
    const { serviceName, logLevel: level, rotation } = configuration
    this.#options = options
    this.closers = new Closers(clock)
    this.rotator = new Rotator({
      clock,
      policy: {
        firstAttemptFrom: rotation.renewFrom,
        firstAttemptTo: rotation.renewTo,
        renewBefore: rotation.renewBefore,
        drainMaxMs: rotation.drainTimeoutMs,
      },
    })
    this.#telemetry = new Telemetry({ serviceName, level, stream, clock })
    this.view = new ServiceView({ configuration, rotator: this.rotator, telemetry: this.#telemetry, clock })
  }

  /** Where the admin server listens; undefined when it is switched off. */
  get adminAddress(): string | undefined {
    return this.#admin?.address
  }

  /** @throws {IntegrationError} when the admin address cannot be listened on */
  async serve(): Promise<void> {
    const { configuration, clock, renewOnSighup } = this.#options
    if (configuration.admin !== undefined) {
      this.#admin = await AdminServer.start({ ...configuration.admin, subject: this.view, clock })
      this.closers.add('admin server', () => this.#admin?.close())
    }
    this.closers.add('rotations', (timeoutMs) => this.rotator.close({ timeoutMs }))
    if (!renewOnSighup) return
    // What came of it is told by events; nobody waits for the answer.
    const renew = (): unknown => this.view.rotate()
    process.on('SIGHUP', renew)
    this.closers.add('SIGHUP', () => {
      process.removeListener('SIGHUP', renew)
    })
  }

  /**
   * Closes everything, newest first; telemetry hears it all.
   * @param told - called before telemetry falls silent
   */
  async close(timeoutMs: number, told: (left: readonly string[]) => void = () => undefined): Promise<void> {
    this.view.phase = 'closing'
    const left = await this.closers.close(timeoutMs)
    told(left)
    this.view.close()
    this.#telemetry.close()
  }
}
