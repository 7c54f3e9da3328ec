/**
 * One server program, started, watched and stopped by its own pid: PostgreSQL, Vault, SPIRE.
 * It runs in its own session, so that Ctrl-C reaches the process that closes everything in order and not the
 * servers beneath it; and on a tether, so that it ends when this process ends in whatever way.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, sleep, systemClock } from '@chaveiro/rotation'
import { DevError } from './errors.js'

/** What to run, and how to tell that it runs. */
export interface ServerProcessOptions {
  /** Names the server in messages and its log file, for instance `spire-agent`. */
  name: string
  /** Path of the program. */
  program: string
  args: readonly string[]
  /** Added to a bare environment (`PATH`, `TMPDIR`): nothing else of ours is inherited. */
  env?: Readonly<Record<string, string>>
  /** Working folder; `<name>.log` is kept in it, readable by the owner only. */
  folder: string
  /** The folder is for this server alone: when this process is killed and cannot remove it, the tether does. */
  ownsFolder?: boolean
  /** Who runs it. Default: the user of this process. */
  uid?: number
  gid?: number
  /**
   * What the server logs once it listens. Where `ready` asks a port, this tells our server from a stranger's that
   * took the port first.
   */
  listeningLine?: RegExp
  /** Asked every 50 ms until it resolves with true; a rejection means "not yet". */
  ready: (signal: AbortSignal) => Promise<boolean>
  /** Bound on becoming ready, in milliseconds. Default 60 000. */
  readyTimeoutMs?: number
  /** Asks the server to end. Default `SIGTERM`. */
  stopSignal?: NodeJS.Signals
  /** How long a stopping server may take before it is killed, in milliseconds. Default 10 000. */
  stopTimeoutMs?: number
  /** Log lines that hold secrets and stay out of messages. */
  hiddenLines?: RegExp
  /** Default: the clock of this process. */
  clock?: Clock
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const probeIntervalMs = 50
const quotedLogLines = 20

/**
 * Waits for end of file on its standard input, which comes when the process that holds the other end is gone,
 * also by SIGKILL. A line means that the server has been stopped and there is nothing left to do.
 * Arguments: pid, signal, folder to remove (may be empty).
 */
const tetherScript = `
if read -r _; then exit 0; fi
kill -s "$2" "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  kill -0 "$1" 2>/dev/null || break
  sleep 0.5
done
kill -s KILL "$1" 2>/dev/null
if [ -n "$3" ]; then rm -rf -- "$3"; fi`

/** A running server. {@link ServerProcess.close} stops it; its log stays where it is. */
export class ServerProcess implements AsyncDisposable {
  readonly name: string
  /** Where the server's output goes. */
  readonly logFile: string
  /** Resolves when the process has ended, however it did. */
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #options: ServerProcessOptions
  readonly #clock: Clock
  /** Where this run's lines begin: a server that is started again adds to the log. */
  readonly #logStart: number
  #exit: Exit | undefined

  private constructor(child: ChildProcess, options: ServerProcessOptions, logFile: string, logStart: number) {
    this.name = options.name
    this.logFile = logFile
    this.#child = child
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#logStart = logStart
    this.exited = once(child, 'exit').then(([code, signal]) => {
      this.#exit = { code, signal }
      return this.#exit
    })
  }

  /**
   * Starts the program and resolves when it is ready.
   * @throws {DevError} `ERR_DEV_SERVER_MISSING` when there is no such program, `ERR_DEV_SERVER_START` with the
   *   end of its log when it ended or was not ready in time; it is then stopped
   */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const logFile = join(options.folder, `${options.name}.log`)
    const logStart = existsSync(logFile) ? readFileSync(logFile, 'utf8').length : 0
    const server = new ServerProcess(await spawnDetached(options, logFile), options, logFile, logStart)
    try {
      server.#tether()
      await server.#becomeReady()
      return server
    } catch (error) {
      await server.kill()
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get running(): boolean {
    return this.#exit === undefined
  }

  /** The last lines of the log, without those that hold secrets. */
  logTail(lines = quotedLogLines): string {
    const { hiddenLines } = this.#options
    const all = readFileSync(this.logFile, 'utf8').trimEnd().split('\n')
    return all
      .filter((line) => !hiddenLines?.test(line))
      .slice(-lines)
      .join('\n')
  }

  /** Sends a signal, for instance `SIGSTOP`; `false` when the process has ended. */
  signal(signal: NodeJS.Signals): boolean {
    return this.running && this.#child.kill(signal)
  }

  /** Ends the process as a crash would, and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.exited
  }

  /** Asks the process to end, kills it when it does not in time, and waits until it is gone. */
  async close(): Promise<void> {
    if (this.signal(this.#options.stopSignal ?? 'SIGTERM')) {
      const patience = new AbortController()
      const bound = sleep(this.#clock, this.#options.stopTimeoutMs ?? 10_000, patience.signal).catch(() => undefined)
      await Promise.race([this.exited, bound])
      patience.abort()
      this.signal('SIGKILL')
    }
    await this.exited
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #tether(): void {
    const { stopSignal = 'SIGTERM', ownsFolder, folder } = this.#options
    const args = [String(this.pid), stopSignal.replace('SIG', ''), ownsFolder ? folder : '']
    const tether = spawn('/bin/sh', ['-c', tetherScript, 'chaveiro-tether', ...args], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
      env: bareEnvironment(),
    })
    tether.unref()
    // A tether that ended early (killed by someone) must not take this process with it by EPIPE.
    tether.stdin.on('error', () => undefined)
    tether.on('error', () => undefined)
    void this.exited.then(() => tether.stdin.end('ended\n'))
  }

  async #becomeReady(): Promise<void> {
    const { ready, readyTimeoutMs = 60_000 } = this.#options
    const giveUp = new AbortController()
    const deadline = this.#clock.schedule(readyTimeoutMs, () => giveUp.abort())
    void this.exited.then(() => giveUp.abort())
    try {
      while (!giveUp.signal.aborted) {
        if (this.#listens() && (await ready(giveUp.signal).catch(() => false))) return
        await sleep(this.#clock, probeIntervalMs, giveUp.signal).catch(() => undefined)
      }
    } finally {
      deadline.cancel()
    }
    throw this.#startError(readyTimeoutMs)
  }

  #listens(): boolean {
    const { listeningLine } = this.#options
    return !listeningLine || listeningLine.test(readFileSync(this.logFile, 'utf8').slice(this.#logStart))
  }

  #startError(readyTimeoutMs: number): DevError {
    const how = this.#exit
      ? `ended at once (${this.#exit.signal ?? `exit ${this.#exit.code}`})`
      : `was not ready within ${readyTimeoutMs / 1000} s`
    return new DevError('ERR_DEV_SERVER_START', `${this.name} ${how}. The end of its log:\n${this.logTail()}`, {
      cure: 'The log says why; a port or a folder that another process uses is the usual cause.',
    })
  }
}

async function spawnDetached(options: ServerProcessOptions, logFile: string): Promise<ChildProcess> {
  const log = openSync(logFile, 'a', 0o600)
  const child = spawn(options.program, options.args, {
    cwd: options.folder,
    env: { ...bareEnvironment(), ...options.env },
    stdio: ['ignore', log, log],
    detached: true,
    ...(options.uid !== undefined && { uid: options.uid }),
    ...(options.gid !== undefined && { gid: options.gid }),
  })
  closeSync(log)
  try {
    await once(child, 'spawn')
    return child
  } catch (cause) {
    throw new DevError('ERR_DEV_SERVER_MISSING', `cannot run ${options.name} (${options.program})`, {
      cure: 'Run `npm run servers` in the checkout; it builds what is missing.',
      cause,
    })
  }
}

function bareEnvironment(): Record<string, string> {
  const { PATH = '/usr/local/bin:/usr/bin:/bin', TMPDIR } = process.env
  return { PATH, ...(TMPDIR && { TMPDIR }) }
}
