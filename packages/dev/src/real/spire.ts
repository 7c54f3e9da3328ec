/**
 * A real SPIRE on loopback: a server, one agent with its Workload API, and the discovery provider that offers the
 * trust domain's JWT keys to Vault.
 * @module
 */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '@chaveiro/rotation'
import { DevError } from '../errors.js'
import { onFreePort } from '../loopback-port.js'
import { ServerProcess } from '../server-process.js'
import { realServerPrograms } from './programs.js'
import { SpireCommand } from './spire-command.js'
import {
  agentConfiguration,
  discoveryProviderConfiguration,
  type SpireKeyManager,
  type SpireLifetimes,
  type SpirePaths,
  serverConfiguration,
} from './spire-configuration.js'
import {
  entryArguments,
  type PrintedSpireEntry,
  readEntry,
  type SpireEntry,
  type SpireEntryRequest,
} from './spire-entry.js'

/** How a SPIRE is started. */
export interface RealSpireOptions extends Partial<SpireLifetimes> {
  /** Name of the trust domain. Default `neural-hive.local`. */
  trustDomain?: string
  /**
   * How often the agent asks the server, and the server its datastore, what is new, in milliseconds.
   * Default 500 (SPIRE's own: 5000).
   */
  syncIntervalMs?: number
  /** Default `memory`; a server that is to be started again needs `disk`. */
  keyManager?: SpireKeyManager
  /** Paths of `spire-server`, `spire-agent`, `oidc-discovery-provider`. Default: what `npm run servers` built. */
  programs?: Readonly<Record<string, string>>
  /** An existing folder in which SPIRE makes its own. Default: the system's folder for temporary files. */
  folder?: string
}

/** The parts of SPIRE that can be stopped and started by themselves. */
export type SpirePart = 'server' | 'agent' | 'discoveryProvider'

const entryBoundMs = 15_000
const entryPollMs = 50

/** One SPIRE. Whoever starts it closes it; it keeps the process alive until then. */
export class RealSpire implements AsyncDisposable {
  readonly trustDomain: string
  readonly #programs: Readonly<Record<string, string>>
  readonly #folder: string
  readonly #paths: FolderPaths
  readonly #lifetimes: SpireLifetimes
  readonly #syncIntervalMs: number
  readonly #keyManager: SpireKeyManager
  readonly #command: SpireCommand
  readonly #processes = new Map<SpirePart, ServerProcess>()
  readonly #ports = new Map<SpirePart, number>()
  #closed: Promise<void> | undefined

  private constructor(programs: Readonly<Record<string, string>>, folder: string, options: RealSpireOptions) {
    const { caTtlSeconds = 86_400, x509TtlSeconds = 3600, jwtTtlSeconds = 300 } = options
    this.trustDomain = options.trustDomain ?? 'neural-hive.local'
    this.#programs = programs
    this.#folder = folder
    this.#paths = pathsIn(folder)
    this.#lifetimes = { caTtlSeconds, x509TtlSeconds, jwtTtlSeconds }
    this.#syncIntervalMs = options.syncIntervalMs ?? 500
    this.#keyManager = options.keyManager ?? 'memory'
    this.#command = new SpireCommand(programs['spire-server'] as string, this.#paths.serverSocket)
  }

  /**
   * Starts server, agent and discovery provider on free ports; all three answer when this resolves.
   * @throws {DevError} `ERR_DEV_SERVER_MISSING` when SPIRE has not been built, `ERR_DEV_SERVER_START` when a part
   *   does not come up; nothing is left behind then
   */
  static async start(options: RealSpireOptions = {}): Promise<RealSpire> {
    const programs = options.programs ?? (await realServerPrograms('spire'))
    const folder = await mkdtemp(join(options.folder ?? tmpdir(), 'chaveiro-spire-'))
    const spire = new RealSpire(programs, folder, options)
    try {
      await spire.#makeFolders()
      for (const part of ['server', 'agent', 'discoveryProvider'] as const) await spire.#startFirst(part)
    } catch (error) {
      await spire.close()
      throw error
    }
    return spire
  }

  /** Path of the socket of the server's API, for its owner only. */
  get serverSocket(): string {
    return this.#paths.serverSocket
  }

  /** The server's API over TCP, which wants an admin's SVID: `127.0.0.1:port`. */
  get serverAddress(): string {
    return `127.0.0.1:${this.#ports.get('server')}`
  }

  /** Path of the Workload API's socket, which every user of the machine can open. */
  get agentSocket(): string {
    return this.#paths.agentSocket
  }

  /** The Workload API as `SPIFFE_ENDPOINT_SOCKET` names it. */
  get workloadApiEndpoint(): string {
    return `unix://${this.#paths.agentSocket}`
  }

  /** SPIFFE ID under which entries are registered. */
  get agentId(): string {
    return `spiffe://${this.trustDomain}/agent`
  }

  /** JSON Web Key Set of the trust domain, for Vault's `jwks_url`. */
  get jwksUrl(): string {
    return `http://127.0.0.1:${this.#ports.get('discoveryProvider')}/keys`
  }

  /** A running part, for signals and its log; `undefined` while it is stopped. */
  process(part: SpirePart): ServerProcess | undefined {
    return this.#processes.get(part)
  }

  /** As the server says it, for instance `1.15.3-dev-unk`. */
  async version(): Promise<string> {
    return this.#command.version()
  }

  /** @throws {DevError} `ERR_DEV_SERVER_COMMAND`, for instance when a similar entry exists */
  async createEntry(request: SpireEntryRequest): Promise<SpireEntry> {
    return this.#changeEntry(['entry', 'create'], entryArguments(request, this.agentId))
  }

  /** Sets every field of an entry to what `request` says. */
  async updateEntry(entryId: string, request: SpireEntryRequest): Promise<SpireEntry> {
    return this.#changeEntry(['entry', 'update'], ['-entryID', entryId, ...entryArguments(request, this.agentId)])
  }

  async deleteEntry(entryId: string): Promise<void> {
    await this.#command.json(['entry', 'delete'], ['-entryID', entryId])
  }

  /** All entries; one of them makes the agent known under {@link agentId}. */
  async entries(): Promise<SpireEntry[]> {
    const { entries } = await this.#command.json<{ entries: PrintedSpireEntry[] }>(['entry', 'show'])
    return entries.map(readEntry)
  }

  /**
   * Waits until the agent serves an entry that was just made; it takes about a second.
   * @throws {DevError} `ERR_DEV_SERVER_COMMAND` when it does not arrive within 15 s
   */
  async waitForEntry(entryId: string): Promise<void> {
    const startMs = systemClock.monotonicMs()
    while (systemClock.monotonicMs() - startMs < entryBoundMs) {
      if (await this.#agentHas(entryId)) return
      await sleep(systemClock, entryPollMs)
    }
    throw new DevError('ERR_DEV_SERVER_COMMAND', `entry ${entryId} did not reach the agent within 15 s`, {
      cure: "Is the agent connected, and the entry's parent this agent? Its log, in its folder, says more.",
    })
  }

  /** The trust domain's bundle: certificates as PEM, or everything as a SPIFFE bundle (JSON). */
  bundle(format: 'pem' | 'spiffe' = 'spiffe'): Promise<string> {
    return this.#command.text(['bundle', 'show'], ['-format', format])
  }

  /** Signs from now on with a new JWT key. The former one stays in the bundle until it expires. */
  rotateJwtKey(): Promise<void> {
    return this.#rotateAuthority('jwt')
  }

  /** Signs from now on with a new X.509 authority. The former one stays in the bundle until it expires. */
  rotateX509Authority(): Promise<void> {
    return this.#rotateAuthority('x509')
  }

  /** Stops one part, in order or as a crash would; {@link startAgain} undoes it. Harmless when it is stopped. */
  async stop(part: SpirePart, mode: 'order' | 'crash' = 'order'): Promise<void> {
    const running = this.#processes.get(part)
    await (mode === 'crash' ? running?.kill() : running?.close())
    this.#processes.delete(part)
  }

  /**
   * Starts a stopped part where it was. An agent whose keys were in memory attests anew, with a new join token.
   * @throws {DevError} `ERR_DEV_SERVER_START`; also for a server whose keys were in memory, since nobody would
   *   trust it any more
   */
  async startAgain(part: SpirePart): Promise<void> {
    if (this.#closed) throw cannotStart('this SPIRE is closed and its folder removed', 'Start a new one.')
    if (this.#processes.get(part)?.running) return
    if (part === 'server' && this.#keyManager === 'memory') {
      throw cannotStart("the server's keys ended with it", "Start SPIRE with keyManager 'disk'.")
    }
    if (part === 'agent' && this.#keyManager === 'memory') await this.#admitAgent()
    await this.#startOn(part, this.#ports.get(part) ?? 0)
  }

  /** Stops everything and removes its folder. Calling it again is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    for (const part of ['discoveryProvider', 'agent', 'server'] as const) await this.stop(part)
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** SPIRE tightens its umask, so that what others must reach is made for it beforehand. */
  async #makeFolders(): Promise<void> {
    await chmod(this.#folder, 0o711)
    const { serverFolder, agentFolder, publicFolder } = this.#paths
    for (const folder of [serverFolder, agentFolder]) await mkdir(folder, { mode: 0o700 })
    await mkdir(publicFolder)
    await chmod(publicFolder, 0o755)
  }

  async #startFirst(part: SpirePart): Promise<void> {
    if (part !== 'agent') return onFreePort((port) => this.#startOn(part, port))
    await this.#admitAgent()
    // It listens on a socket alone.
    await this.#startOn(part, 0)
  }

  async #startOn(part: SpirePart, port: number): Promise<void> {
    this.#ports.set(part, port)
    this.#processes.set(part, await this.#starters[part](port))
  }

  readonly #starters: Record<SpirePart, (port: number) => Promise<ServerProcess>> = {
    server: async (port) => {
      const { trustDomain } = this
      const [lifetimes, syncIntervalMs] = [this.#lifetimes, this.#syncIntervalMs]
      const [keyManager, paths] = [this.#keyManager, this.#paths]
      return this.#spawn(
        'spire-server',
        ['run'],
        serverConfiguration({ trustDomain, port, lifetimes, syncIntervalMs, keyManager, paths }),
        () => isHealthy(this.#command),
      )
    },
    agent: async () => {
      const serverPort = this.#ports.get('server') as number
      const [syncIntervalMs, keyManager, paths] = [this.#syncIntervalMs, this.#keyManager, this.#paths]
      const health = new SpireCommand(this.#programs['spire-agent'] as string, this.#paths.agentSocket)
      return this.#spawn(
        'spire-agent',
        ['run'],
        agentConfiguration({ trustDomain: this.trustDomain, serverPort, syncIntervalMs, keyManager, paths }),
        () => isHealthy(health),
      )
    },
    discoveryProvider: async (port) =>
      this.#spawn('oidc-discovery-provider', [], discoveryProviderConfiguration(port, this.#paths), (signal) =>
        this.#offersOurKeys(signal),
      ),
  }

  /** Not only that somebody answers there: another server may have taken the port first. */
  async #offersOurKeys(signal: AbortSignal): Promise<boolean> {
    const { keys } = (await (await fetch(this.jwksUrl, { signal })).json()) as { keys: { kid: string }[] }
    const bundle = await this.bundle()
    return keys.length > 0 && keys.every(({ kid }) => bundle.includes(kid))
  }

  async #spawn(name: string, args: string[], configuration: object, ready: (signal: AbortSignal) => Promise<boolean>) {
    const file = join(this.#folder, `${name}.json`)
    await writeFile(file, JSON.stringify(configuration), { mode: 0o600 })
    return ServerProcess.start({
      name,
      program: this.#programs[name] as string,
      args: [...args, '-config', file],
      folder: this.#folder,
      ownsFolder: true,
      ready,
    })
  }

  /** An agent that kept its keys proves by them who it is; any other needs a token, each good for one start. */
  async #admitAgent(): Promise<void> {
    await writeFile(this.#paths.bundle, await this.bundle('pem'))
    const { value } = await this.#command.json<{ value: string }>(['token', 'generate'], ['-spiffeID', this.agentId])
    await writeFile(this.#paths.joinToken, value, { mode: 0o600 })
  }

  async #changeEntry(subcommand: string[], options: string[]): Promise<SpireEntry> {
    const { results } = await this.#command.json<{ results: { entry: PrintedSpireEntry }[] }>(subcommand, options)
    return readEntry((results[0] as { entry: PrintedSpireEntry }).entry)
  }

  async #rotateAuthority(kind: 'jwt' | 'x509'): Promise<void> {
    const { prepared_authority } = await this.#command.json<{ prepared_authority: { authority_id: string } }>([
      'localauthority',
      kind,
      'prepare',
    ])
    await this.#command.json(['localauthority', kind, 'activate'], ['-authorityID', prepared_authority.authority_id])
  }

  async #agentHas(entryId: string): Promise<boolean> {
    const log = this.#processes.get('agent')?.logFile
    if (!log) return false
    const lines = (await readFile(log, 'utf8')).split('\n')
    return lines.some((line) => line.includes(entryId) && line.includes('Entry created'))
  }
}

/** The command fails when the answer is no. */
async function isHealthy(command: SpireCommand): Promise<boolean> {
  await command.text(['healthcheck'])
  return true
}

interface FolderPaths extends SpirePaths {
  readonly publicFolder: string
}

function pathsIn(folder: string): FolderPaths {
  const [serverFolder, agentFolder, publicFolder] = ['server', 'agent', 'public'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  return {
    serverFolder,
    agentFolder,
    publicFolder,
    serverSocket: join(serverFolder, 'api.sock'),
    bundle: join(agentFolder, 'bundle.pem'),
    joinToken: join(agentFolder, 'join-token'),
    agentSocket: join(publicFolder, 'agent.sock'),
  }
}

function cannotStart(message: string, cure: string): DevError {
  return new DevError('ERR_DEV_SERVER_START', message, { cure })
}
