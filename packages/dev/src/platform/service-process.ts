/**
 * One service of the sample platform, as its own process: started under its own identity, read by its JSON lines,
 * asked to close and, past a bound, ended.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type Clock, sleep, systemClock } from '@chaveiro/rotation'
import { DevError } from '../errors.js'
import type { Exit } from '../server-process.js'
import type { Admission } from '../stack.js'

/** A line that a service wrote: a log event, or a report of the sample itself (`sample_…`). */
export interface ServiceLine {
  readonly event: string
  readonly [field: string]: unknown
}

export interface ServiceProcessOptions {
  readonly name: string
  /** The script that node runs. */
  readonly script: string
  /** The identity it runs under, and the environment that comes with it. */
  readonly admission: Admission
  /** Added to a bare environment. */
  readonly env: Readonly<Record<string, string>>
  readonly onLine: (line: ServiceLine) => void
  readonly clock?: Clock
}

const readyWithinMs = 60_000
const closeWithinMs = 20_000
/** What is kept of stderr and of failures in the log, to explain an early end. */
const keptErrorLines = 20

/** A child process of ours. */
export class ServiceProcess {
  readonly name: string
  readonly #child: ChildProcess
  readonly #clock: Clock
  readonly #errors: string[] = []
  readonly #ended: Promise<Exit>
  #ready!: (line: ServiceLine) => void
  readonly #readiness = new Promise<ServiceLine>((resolve) => {
    this.#ready = resolve
  })
  #asked = false

  constructor({ name, script, admission, env, onLine, clock = systemClock }: ServiceProcessOptions) {
    this.name = name
    this.#clock = clock
    this.#child = spawn(admission.execPath, [script], {
      env: { PATH: process.env.PATH ?? '', SAMPLE_TETHERED: 'true', ...env, ...admission.env },
      cwd: '/',
      uid: admission.uid,
      gid: admission.gid,
      // Its own group: Ctrl-C reaches the command, which closes the services in order.
      detached: true,
      // Standard input is the tether: it ends with this process, however this process ends.
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#ended = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }))
    this.#read(onLine)
  }

  #read(onLine: (line: ServiceLine) => void): void {
    const { stdout, stderr } = this.#child
    if (!stdout || !stderr) return
    createInterface({ input: stdout }).on('line', (text) => {
      const line = parseLine(text)
      if (!line) return
      if (line.event === 'sample_ready') this.#ready(line)
      if (line.level === 'error' || line.event.endsWith('_failed')) this.#keep(text)
      onLine(line)
    })
    createInterface({ input: stderr }).on('line', (text) => this.#keep(text))
  }

  #keep(text: string): void {
    this.#errors.push(text)
    if (this.#errors.length > keptErrorLines) this.#errors.shift()
  }

  /** Whether it ended without having been asked to, also by a signal. */
  get fell(): boolean {
    return this.#over && !this.#asked
  }

  /** An exit code or a signal: a process that was killed has no exit code. */
  get #over(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The last lines of its stderr, and of the failures in its log. */
  get errors(): readonly string[] {
    return this.#errors
  }

  /**
   * Its first `sample_ready` line.
   * @throws {DevError} `ERR_DEV_SERVER_START` when it ends before, or takes longer than a minute
   */
  async ready(signal?: AbortSignal): Promise<ServiceLine> {
    const stop = new AbortController()
    const any = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
    const tooLate = sleep(this.#clock, readyWithinMs, any).then(() => `was not ready within ${readyWithinMs / 1000} s`)
    const gone = this.#ended.then((exit) => `ended ${howOf(exit)}`)
    try {
      const first = await Promise.race([this.#readiness, gone, tooLate])
      if (typeof first !== 'string') return first
      throw new DevError('ERR_DEV_SERVER_START', [`${this.name} ${first}`, ...this.#errors].join('\n  '), {
        cure: 'The lines above are the last that it complained about; the cause is usually the first of them.',
      })
    } finally {
      stop.abort()
      tooLate.catch(() => {})
    }
  }

  /**
   * Asks it to close, waits, and ends it when it does not.
   * @returns what went wrong, in words; undefined when it ran until it was asked, and ended well
   */
  async close(): Promise<string | undefined> {
    const fell = this.fell
    this.#asked = true
    if (!this.#over) this.#child.kill('SIGTERM')
    const stop = new AbortController()
    const bound = sleep(this.#clock, closeWithinMs, stop.signal).then(
      () => this.#child.kill('SIGKILL'),
      () => {},
    )
    const exit = await this.#ended
    stop.abort()
    await bound
    if (fell) return `ended by itself ${howOf(exit)}`
    return exit.code === 0 ? undefined : `ended ${howOf(exit)}`
  }
}

const howOf = ({ code, signal }: Exit): string => (signal ? `by ${signal}` : `with exit code ${code}`)

function parseLine(text: string): ServiceLine | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'event' in value ? (value as ServiceLine) : undefined
  } catch {
    return undefined
  }
}
