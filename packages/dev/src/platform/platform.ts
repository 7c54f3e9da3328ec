/**
 * The sample platform on a stack: its services as processes with identities of their own, watched until closed.
 * @module
 */
import { type Clock, systemClock } from '@chaveiro/rotation'
import { SpiffeId } from '@chaveiro/spiffe'
import type { Stack } from '../stack.js'
import type { PlatformView } from './model.js'
import { Observer, type RotationReport } from './observer.js'
import { ServiceProcess } from './service-process.js'
import { type SampleService, sampleServices } from './services.js'

export interface SamplePlatformOptions {
  readonly stack: Stack
  /** Path of the script of a service, by its name. */
  readonly script: (service: string) => string
  readonly clock?: Clock
  /** Monotonic milliseconds from which times are told. Default: now. */
  readonly startMs?: number
  readonly signal?: AbortSignal
}

const pollEveryMs = 500

/** Four processes: service-registry, orchestrator-dynamic, worker-agents and an intruder. */
export class SamplePlatform implements AsyncDisposable {
  readonly #processes: ServiceProcess[] = []
  readonly #observer: Observer
  readonly #clock: Clock
  readonly #poll = new AbortController()
  readonly #casualties: string[] = []
  #closed: Promise<void> | undefined

  private constructor(clock: Clock, startMs: number | undefined) {
    this.#clock = clock
    this.#observer = new Observer(clock, startMs)
  }

  /**
   * Starts the registry, then the others side by side; all are ready when this resolves.
   * @throws {DevError} when one does not come up; those that did are closed again
   */
  static async start(options: SamplePlatformOptions): Promise<SamplePlatform> {
    const platform = new SamplePlatform(options.clock ?? systemClock, options.startMs)
    try {
      await platform.#startAll(options)
    } catch (error) {
      await platform.close()
      throw error
    }
    return platform
  }

  /** What can be seen at this moment. */
  view(): PlatformView {
    return this.#observer.view()
  }

  /** Where each service that is ready serves its metrics and its status page: `host:port`. */
  get admins(): readonly { readonly name: string; readonly address: string }[] {
    return this.#observer.admins()
  }

  /** Services that ended by themselves, or did not end well. */
  get casualties(): readonly string[] {
    const fallen = this.#processes.filter(({ fell }) => fell)
    return [
      ...this.#casualties,
      ...fallen.map(({ name, errors }) => [`${name} ended by itself`, ...errors].join('\n  ')),
    ]
  }

  /** Closes the callers, then the called. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #startAll(options: SamplePlatformOptions): Promise<void> {
    const ids = (service: SampleService): SpiffeId => SpiffeId.of(options.stack.trustDomain, service.path)
    for (const service of sampleServices) this.#observer.expect(service.name, ids(service).toString())
    const admissions = await Promise.all(
      sampleServices.map((service) => options.stack.admit(service.name, ids(service))),
    )
    const start = async (index: number, registry: string): Promise<Record<string, unknown>> => {
      const service = sampleServices[index] as SampleService
      const process = new ServiceProcess({
        name: service.name,
        script: options.script(service.name),
        admission: admissions[index] as (typeof admissions)[number],
        env: service.env(options.stack, registry),
        onLine: (line) => this.#observer.line(service.name, line),
        clock: this.#clock,
      })
      this.#processes.push(process)
      return process.ready(options.signal)
    }
    const { address } = await start(0, '')
    await Promise.all(sampleServices.slice(1).map((_, index) => start(index + 1, String(address))))
    this.#watch()
  }

  /** Asks each service's `/rotations` what it holds, again and again. */
  #watch(): void {
    const ask = async (): Promise<void> => {
      await Promise.all(this.#observer.admins().map(({ name, address }) => this.#askOne(name, address)))
      if (!this.#poll.signal.aborted) this.#clock.schedule(pollEveryMs, () => void ask())
    }
    void ask()
  }

  async #askOne(name: string, address: string): Promise<void> {
    try {
      const answer = await fetch(`http://${address}/rotations`, { signal: this.#poll.signal })
      const { rotations } = (await answer.json()) as { rotations: RotationReport[] }
      this.#observer.rotations(name, rotations)
    } catch {
      // A service that is closing does not answer; its end is told by its process.
    }
  }

  async #close(): Promise<void> {
    this.#poll.abort()
    const [registry, ...callers] = this.#processes
    await Promise.all(callers.map((caller) => this.#closeOne(caller)))
    if (registry) await this.#closeOne(registry)
  }

  async #closeOne(process: ServiceProcess): Promise<void> {
    const wrong = await process.close()
    if (wrong) this.#casualties.push([`${process.name} ${wrong}`, ...process.errors].join('\n  '))
  }
}
