/**
 * A SPIFFE Workload API for development and tests: loopback only, in memory, one socket for each identity.
 * It behaves as a SPIRE agent does; where it does not, that is a defect of it.
 * @module
 */
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, systemClock, type Timer } from '@chaveiro/rotation'
import type { SpiffeId } from '@chaveiro/spiffe'
import type { DevAuthority } from '../authority/dev-authority.js'
import { DiscoveryServer } from './discovery.js'
import { Entry, type EntryOptions } from './entry.js'
import { WorkloadSocket } from './workload-socket.js'

export interface DevWorkloadApiOptions {
  authority: DevAuthority
  /** Where the sockets go; made when missing, and closed to everybody else (0700). Keep its path short. */
  folder: string
  clock?: Clock
}

/** An identity, and the socket behind which it is. Several identities may share a socket. */
export interface WorkloadOptions extends EntryOptions {
  /** File name of the socket, for instance `orchestrator.sock`. */
  socketName: string
}

/** What is due is due by the wall clock, which goes on while a laptop sleeps: it is looked at now and then. */
const longestSleepMs = 60_000

export class DevWorkloadApi implements AsyncDisposable {
  readonly #authority: DevAuthority
  readonly #folder: string
  readonly #clock: Clock
  readonly #discovery: DiscoveryServer
  readonly #sockets = new Map<string, Promise<WorkloadSocket>>()
  readonly #stopListening: () => void
  #timer: Timer | undefined
  #tending: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  private constructor(options: DevWorkloadApiOptions, clock: Clock, discovery: DiscoveryServer) {
    this.#authority = options.authority
    this.#folder = options.folder
    this.#clock = clock
    this.#discovery = discovery
    this.#stopListening = options.authority.onChange((change) => this.#toEachSocket((socket) => socket.changed(change)))
  }

  static async start(options: DevWorkloadApiOptions): Promise<DevWorkloadApi> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 })
    await chmod(options.folder, 0o700)
    const discovery = await DiscoveryServer.start(options.authority)
    const api = new DevWorkloadApi(options, options.clock ?? systemClock, discovery)
    await api.#arm()
    return api
  }

  /** Where verifiers such as Vault find the JWT keys. */
  get jwksUrl(): string {
    return `${this.#discovery.issuer}/keys`
  }

  /** Base of `/.well-known/openid-configuration`. */
  get discoveryUrl(): string {
    return this.#discovery.issuer
  }

  /** Opens a socket behind which there is no identity yet. @returns its endpoint, `unix:///….sock` */
  async openSocket(socketName: string): Promise<string> {
    return (await this.#socket(socketName)).endpoint
  }

  /** Gives whoever uses the socket an identity. @returns the socket's endpoint, `unix:///….sock` */
  async addWorkload({ socketName, ...entry }: WorkloadOptions): Promise<string> {
    await this.addEntry(socketName, entry)
    return this.openSocket(socketName)
  }

  /** Takes an identity away, wherever it was; streams without one left end with PermissionDenied. */
  async removeWorkload(id: SpiffeId): Promise<void> {
    await this.#toEachSocket((socket) => {
      for (const entry of socket.registered.filter((each) => each.id.equals(id))) socket.remove(entry.entryId)
    })
  }

  /** @returns the entry's ID, for {@link removeEntry} */
  async addEntry(socketName: string, options: EntryOptions): Promise<string> {
    if (!options.id.memberOf(this.#authority.trustDomain)) {
      throw new RangeError(`${options.id} is not in trust domain ${this.#authority.trustDomain}`)
    }
    const socket = await this.#socket(socketName)
    const entry = await Entry.create(this.#authority, this.#clock, options)
    socket.add(entry)
    await this.#arm()
    return entry.entryId
  }

  async removeEntry(entryId: string): Promise<void> {
    await this.#toEachSocket((socket) => socket.remove(entryId))
  }

  /** Replaces every X.509-SVID now, and pushes the new ones. */
  async rotateX509Svids(): Promise<void> {
    await this.#rotateEntries(() => true)
    await this.#arm()
  }

  /** Ends all calls, removes the sockets. The folder is its owner's to remove. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#timer?.cancel()
    this.#stopListening()
    await this.#tending
    await this.#toEachSocket((socket) => socket.close())
    await this.#discovery.close()
  }

  #socket(name: string): Promise<WorkloadSocket> {
    if (name === '' || name.includes('/')) throw new RangeError(`"${name}" is not a file name`)
    let socket = this.#sockets.get(name)
    if (!socket) {
      socket = WorkloadSocket.open(join(this.#folder, name), this.#authority, this.#clock)
      this.#sockets.set(name, socket)
      socket.catch(() => this.#sockets.delete(name))
    }
    return socket
  }

  async #toEachSocket(act: (socket: WorkloadSocket) => void): Promise<void> {
    for (const socket of await Promise.all(this.#sockets.values())) act(socket)
  }

  /** Sets the one timer to the next moment at which an SVID or an authority is to be replaced. */
  async #arm(): Promise<void> {
    const sockets = await Promise.all(this.#sockets.values())
    const moments = sockets.flatMap(({ registered }) => registered.map(({ rotateAtMs }) => rotateAtMs))
    const dueMs = Math.min(this.#authority.nextDueMs, ...moments)
    this.#timer?.cancel()
    if (this.#closed) return
    const delayMs = Math.min(dueMs - this.#clock.wallMs(), longestSleepMs)
    this.#timer = this.#clock.schedule(delayMs, () => {
      this.#tending = this.#tend()
    })
  }

  async #tend(): Promise<void> {
    await this.#authority.tend()
    await this.#rotateEntries(({ rotateAtMs }) => this.#clock.wallMs() >= rotateAtMs)
    await this.#arm()
  }

  async #rotateEntries(due: (entry: Entry) => boolean): Promise<void> {
    for (const socket of await Promise.all(this.#sockets.values())) {
      const entries = socket.registered.filter(due)
      await Promise.all(entries.map((entry) => entry.rotate()))
      if (entries.length > 0) socket.changed('svids')
    }
  }
}
