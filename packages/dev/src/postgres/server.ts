/**
 * A real PostgreSQL on loopback, for development and tests: its own folder, its own port, gone at close.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '@chaveiro/rotation'
import pg from 'pg'
import { DevError } from '../errors.js'
import { onFreePort } from '../loopback-port.js'
import { ServerProcess } from '../server-process.js'
import { findPostgresPrograms, type PostgresPrograms } from './programs.js'
import { ServerUser, serverEnvironment } from './server-user.js'

/** How a server is started. */
export interface PostgresServerOptions {
  /** An existing folder in which the server makes its own. Default: the system's folder for temporary files. */
  folder?: string
  /** The folder that holds PostgreSQL's `bin`. Default: the one in the npm package for this platform. */
  installation?: string
}

/** How a server is stopped: `fast` rolls transactions back and shuts down in order, `immediate` is like a crash. */
export type PostgresStopMode = 'fast' | 'immediate'

/**
 * Settings that differ from PostgreSQL's own. The data lives no longer than the server, so nothing waits for a
 * disk; a failing statement stays out of the log because it may hold a role's password.
 */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  log_min_error_statement: 'panic',
}

/** One PostgreSQL server. Whoever starts it closes it; it keeps the process alive until then. */
export class PostgresServer implements AsyncDisposable {
  readonly host = '127.0.0.1'
  /** The role that may do everything; its password is drawn anew for each server. */
  readonly superuser = { username: 'postgres', password: new Secret(randomBytes(24).toString('base64url')) }
  readonly #programs: PostgresPrograms
  readonly #user: ServerUser
  readonly #folder: string
  #port = 0
  #process: ServerProcess | undefined
  #closed: Promise<void> | undefined

  private constructor(programs: PostgresPrograms, user: ServerUser, folder: string) {
    this.#programs = programs
    this.#user = user
    this.#folder = folder
  }

  /**
   * Initialises a database cluster and starts a server on a free port. As root the server runs as `nobody`.
   * @throws {DevError} `ERR_DEV_SERVER_MISSING` when there are no programs that run on this machine,
   *   `ERR_DEV_SERVER_START` when the server does not come up; nothing is left behind then
   */
  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const user = await ServerUser.choose()
    const programs = await findPostgresPrograms(user, options.installation)
    const server = new PostgresServer(programs, user, await makeFolder(options.folder ?? tmpdir(), user))
    try {
      await server.#initialise()
      await onFreePort((port) => server.#startOn(port))
    } catch (error) {
      await server.close()
      throw error
    }
    return server
  }

  /** TCP port on {@link host}; stays the same over {@link restart}. */
  get port(): number {
    return this.#port
  }

  /** Process id of the server; `undefined` while it is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** As PostgreSQL says it, for instance `18.4`. */
  get version(): string {
    return this.#programs.version
  }

  /**
   * Runs one statement as the superuser on a connection of its own.
   * @returns the rows
   * @throws what `pg` throws
   */
  query<R extends pg.QueryResultRow>(text: string, values: unknown[] = [], database = 'postgres'): Promise<R[]> {
    return this.#query<R>(text, values, database)
  }

  /** Stops the server and keeps data and port for {@link startAgain}. Stopping a stopped server is harmless. */
  async stop(mode: PostgresStopMode = 'fast'): Promise<void> {
    const running = this.#process
    if (mode === 'immediate' && running?.signal('SIGQUIT')) await running.exited
    await running?.close()
    this.#process = undefined
  }

  /**
   * Starts a stopped server on the same data and port. Harmless when it runs.
   * @throws {DevError} `ERR_DEV_SERVER_START`, for instance when the port was taken meanwhile or after `close`
   */
  async startAgain(): Promise<void> {
    if (this.#closed) {
      throw new DevError('ERR_DEV_SERVER_START', 'this PostgreSQL server is closed and its data removed', {
        cure: 'Start a new one with PostgresServer.start().',
      })
    }
    if (!this.#process?.running) await this.#startOn(this.#port)
  }

  /** Stops, then starts again with the same data on the same port. */
  async restart(mode: PostgresStopMode = 'fast'): Promise<void> {
    await this.stop(mode)
    await this.startAgain()
  }

  /** Stops the server and removes its folder. Calling it again is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await this.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }

  get #dataFolder(): string {
    return join(this.#folder, 'data')
  }

  async #initialise(): Promise<void> {
    // In a file and not in the arguments, which every user of the machine can read.
    const passwordFile = join(this.#folder, 'password')
    await writeFile(passwordFile, this.superuser.password.expose(), { mode: 0o600, flag: 'wx' })
    await this.#user.own(passwordFile)
    const args = [`--pgdata=${this.#dataFolder}`, `--username=${this.superuser.username}`, `--pwfile=${passwordFile}`]
    args.push('--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions')
    const { exitCode, output } = await this.#user.run(this.#programs.initdb, args)
    await rm(passwordFile)
    if (exitCode === 0) return
    throw new DevError('ERR_DEV_SERVER_START', `PostgreSQL could not initialise its data. It said:\n${output}`, {
      cure: 'A user without a line in /etc/passwd, a full disk or too little shared memory is the usual cause.',
    })
  }

  async #query<R extends pg.QueryResultRow>(
    text: string,
    values: unknown[],
    database: string,
    signal?: AbortSignal,
  ): Promise<R[]> {
    const { username, password } = this.superuser
    const { host, port } = this
    const client = new pg.Client({ host, port, database, user: username, password: () => password.expose() })
    // A server that stops meanwhile is told by the rejection of the query.
    client.on('error', () => undefined)
    const hangUp = (): unknown => client.connection.stream.destroy(new Error('the query was given up'))
    signal?.addEventListener('abort', hangUp, { once: true })
    try {
      await client.connect()
      return (await client.query<R>(text, values)).rows
    } finally {
      signal?.removeEventListener('abort', hangUp)
      await client.end()
    }
  }

  async #startOn(port: number): Promise<void> {
    this.#port = port
    const args = ['-D', this.#dataFolder, '-p', String(port)]
    for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
    this.#process = await ServerProcess.start({
      name: 'postgres',
      program: this.#programs.postgres,
      args,
      env: serverEnvironment,
      folder: this.#folder,
      ownsFolder: true,
      ...this.#user.spawnIds,
      // Only our server knows the password, so that a stranger on this port is not taken for it.
      ready: async (signal) => (await this.#query('SELECT 1', [], 'postgres', signal)).length === 1,
      stopSignal: 'SIGINT',
    })
  }
}

async function makeFolder(parent: string, user: ServerUser): Promise<string> {
  const folder = await mkdtemp(join(parent, 'chaveiro-postgres-data-'))
  await user.own(folder)
  if (await user.canEnter(folder)) return folder
  await rm(folder, { recursive: true, force: true })
  throw new DevError('ERR_DEV_SERVER_START', `${parent} is closed to ${user.label}, whom PostgreSQL runs as`, {
    cure: 'PostgreSQL refuses root. Give a folder that other users can enter, or start as another user than root.',
  })
}
