/**
 * A real HashiCorp Vault on loopback: in memory, or with storage that outlives a restart.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret, sleep, systemClock } from '@chaveiro/rotation'
import { DevError } from '../errors.js'
import { freeLoopbackPort, onFreePort } from '../loopback-port.js'
import { ServerProcess } from '../server-process.js'
import { realServerPrograms } from './programs.js'

/**
 * - `dev`: in memory, initialised and unsealed by itself, KV v2 at `secret/`; gone when the process ends.
 * - `file`, `raft`: on disk, initialised here; sealed after each start until it is unsealed.
 */
export type RealVaultStorage = 'dev' | 'file' | 'raft'

/** How a Vault is started. */
export interface RealVaultOptions {
  /** Default `dev`. */
  storage?: RealVaultStorage
  /** Unseal key shares made at initialisation, 1 to 255. Default 1. Not with `dev`. */
  keyShares?: number
  /** Shares that an unseal needs, at most `keyShares`. Default 1. Not with `dev`. */
  keyThreshold?: number
  /** Path of the program. Default: the one that `npm run servers` built. */
  program?: string
  /** An existing folder in which the server makes its own. Default: the system's folder for temporary files. */
  folder?: string
}

const host = '127.0.0.1'
const settleBoundMs = 30_000

/** One Vault server. Whoever starts it closes it; it keeps the process alive until then. */
export class RealVault implements AsyncDisposable {
  readonly storage: RealVaultStorage
  readonly #program: string
  readonly #folder: string
  readonly #clusterPort: number
  #port = 0
  #rootToken = new Secret(randomBytes(24).toString('base64url'))
  #unsealKeys: readonly Secret[] = []
  #keyThreshold = 0
  #process: ServerProcess | undefined
  #closed: Promise<void> | undefined

  private constructor(program: string, folder: string, storage: RealVaultStorage, clusterPort: number) {
    this.#program = program
    this.#folder = folder
    this.storage = storage
    this.#clusterPort = clusterPort
  }

  /**
   * Starts a server on a free port; it is initialised, unsealed and active when this resolves.
   * @throws {DevError} `ERR_DEV_SERVER_MISSING` when Vault has not been built, `ERR_DEV_SERVER_START` when it
   *   does not come up; nothing is left behind then
   */
  static async start(options: RealVaultOptions = {}): Promise<RealVault> {
    const { storage = 'dev', keyShares = 1, keyThreshold = 1 } = options
    const program = options.program ?? ((await realServerPrograms('vault')).vault as string)
    const folder = await mkdtemp(join(options.folder ?? tmpdir(), 'chaveiro-vault-'))
    const vault = new RealVault(program, folder, storage, await freeLoopbackPort())
    try {
      await mkdir(join(folder, 'storage'))
      await onFreePort((port) => vault.#startOn(port))
      if (storage !== 'dev') await vault.#initialise(keyShares, keyThreshold)
      await vault.#becomeActive()
    } catch (error) {
      await vault.close()
      throw error
    }
    return vault
  }

  /** `http://127.0.0.1:port`; stays the same over {@link restart}. */
  get address(): string {
    return `http://${host}:${this.#port}`
  }

  get rootToken(): Secret {
    return this.#rootToken
  }

  /** All key shares; empty with `dev`, which unseals itself and is not meant to be sealed. */
  get unsealKeys(): readonly Secret[] {
    return this.#unsealKeys
  }

  /** Shares that an unseal needs; 0 with `dev`. */
  get keyThreshold(): number {
    return this.#keyThreshold
  }

  /** The running server, for signals and its log; `undefined` while it is stopped. */
  get process(): ServerProcess | undefined {
    return this.#process
  }

  /** As Vault says it, for instance `1.21.1`. */
  async version(): Promise<string> {
    return (await this.#request<{ version: string }>('GET', 'sys/seal-status')).version
  }

  /** Seals the server: every call is then answered with 503 until {@link unseal}. */
  async seal(): Promise<void> {
    if (this.storage === 'dev') {
      throw new DevError('ERR_DEV_SERVER_COMMAND', 'a Vault in dev mode is not sealed: its key share is not known', {
        cure: "Start it with storage 'file' or 'raft'.",
      })
    }
    await this.#request('PUT', 'sys/seal')
  }

  /** Gives as many key shares as an unseal needs, and waits until the server is active. */
  async unseal(): Promise<void> {
    for (const key of this.#unsealKeys.slice(0, this.#keyThreshold)) {
      await this.#request('PUT', 'sys/unseal', { key: key.expose() })
    }
    await this.#becomeActive()
  }

  /** Stops the server, in order or as a crash would; {@link startAgain} undoes it. Harmless when it is stopped. */
  async stop(mode: 'order' | 'crash' = 'order'): Promise<void> {
    await (mode === 'crash' ? this.#process?.kill() : this.#process?.close())
    this.#process = undefined
  }

  /**
   * Starts a stopped server on the same port and storage. With `dev` it has forgotten everything but its root token.
   * @param options.sealed - leave it sealed; with `dev` it never is
   */
  async startAgain(options: { sealed?: boolean } = {}): Promise<void> {
    if (this.#closed) throw closedError()
    if (!this.#process?.running) await this.#startOn(this.#port)
    if (!options.sealed) await this.unseal()
  }

  /** Stops, then starts again on the same port, unsealed. */
  async restart(mode: 'order' | 'crash' = 'order'): Promise<void> {
    await this.stop(mode)
    await this.startAgain()
  }

  /** Stops the server and removes its folder. Calling it again is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.stop().then(() => rm(this.#folder, { recursive: true, force: true }))
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #startOn(port: number): Promise<void> {
    this.#port = port
    this.#process = await ServerProcess.start({
      name: 'vault',
      program: this.#program,
      args:
        this.storage === 'dev'
          ? ['server', '-dev', '-dev-no-store-token']
          : ['server', '-config', await this.#configure()],
      // Vault writes to its home folder; secrets are not in argv, which every user of the machine can read.
      env: {
        HOME: this.#folder,
        VAULT_DEV_LISTEN_ADDRESS: `${host}:${port}`,
        VAULT_DEV_ROOT_TOKEN_ID: this.#rootToken.expose(),
      },
      folder: this.#folder,
      ownsFolder: true,
      listeningLine: /Vault server started!/,
      ready: async (signal) => (await fetch(`${this.address}/v1/sys/seal-status`, { signal })).ok,
      hiddenLines: /^(Unseal Key|Root Token)/,
    })
  }

  /** Vault reads JSON as it reads HCL. */
  async #configure(): Promise<string> {
    const file = join(this.#folder, 'vault.json')
    const path = join(this.#folder, 'storage')
    const configuration = {
      storage:
        this.storage === 'raft'
          ? { raft: { path, node_id: 'node-1', performance_multiplier: '1' } }
          : { file: { path } },
      listener: {
        tcp: { address: `${host}:${this.#port}`, cluster_address: `${host}:${this.#clusterPort}`, tls_disable: true },
      },
      api_addr: this.address,
      cluster_addr: `https://${host}:${this.#clusterPort}`,
      disable_mlock: true,
    }
    await writeFile(file, JSON.stringify(configuration), { mode: 0o600 })
    return file
  }

  async #initialise(keyShares: number, keyThreshold: number): Promise<void> {
    const made = await this.#request<{ keys_base64: string[]; root_token: string }>('PUT', 'sys/init', {
      secret_shares: keyShares,
      secret_threshold: keyThreshold,
    })
    this.#rootToken = new Secret(made.root_token)
    this.#unsealKeys = made.keys_base64.map((key) => new Secret(key))
    this.#keyThreshold = keyThreshold
    await this.unseal()
  }

  /** After an unseal a raft node must first elect itself, and every server mounts what it stores. */
  async #becomeActive(): Promise<void> {
    const giveUp = new AbortController()
    const deadline = systemClock.schedule(settleBoundMs, () => giveUp.abort())
    try {
      while (this.#process?.running && !giveUp.signal.aborted) {
        const health = await fetch(`${this.address}/v1/sys/health`, { signal: giveUp.signal }).catch(() => undefined)
        if (health?.status === 200) return
        await sleep(systemClock, 50)
      }
    } finally {
      deadline.cancel()
    }
    throw new DevError('ERR_DEV_SERVER_START', `Vault did not become active. Its log:\n${this.#process?.logTail()}`, {
      cure: 'The log says why; too few key shares, or a full disk, is the usual cause.',
    })
  }

  async #request<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.address}/v1/${path}`, {
      method,
      headers: { 'X-Vault-Token': this.#rootToken.expose() },
      redirect: 'error',
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (response.ok) return (text ? JSON.parse(text) : undefined) as T
    throw new DevError('ERR_DEV_SERVER_COMMAND', `Vault answered ${method} ${path} with ${response.status}: ${text}`, {
      cure: 'Its log, in the folder of the server, says more.',
    })
  }
}

function closedError(): DevError {
  return new DevError('ERR_DEV_SERVER_START', 'this Vault server is closed and its storage removed', {
    cure: 'Start a new one with RealVault.start().',
  })
}
