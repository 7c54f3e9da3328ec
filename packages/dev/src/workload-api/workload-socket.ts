/**
 * One unix socket of the embedded Workload API. Node cannot ask a socket who is at its other end, so the socket
 * is the identity: its file mode says who may be it.
 * @module
 */
import { chmod } from 'node:fs/promises'
import type { Clock } from '@chaveiro/rotation'
import { serviceDefinition } from '@chaveiro/spiffe/grpc-definition'
import { SpiffeWorkloadAPI } from '@chaveiro/spiffe/workload-api-proto'
import {
  type Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerWritableStream,
  status as Status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { DevAuthority } from '../authority/dev-authority.js'
import { DevError } from '../errors.js'
import type { Entry } from './entry.js'
import { type Caller, handlersFor, noIdentity, type Topic } from './handlers.js'

/** A stream to which a whole message is written whenever one of its topics changes. */
interface Subscription {
  readonly topics: readonly Topic[]
  readonly write: () => void
}

export class WorkloadSocket implements Caller {
  readonly path: string
  readonly authority: DevAuthority
  readonly clock: Clock
  readonly #server: Server
  readonly #entries: Entry[] = []
  readonly #subscriptions = new Set<Subscription>()

  private constructor(path: string, authority: DevAuthority, clock: Clock) {
    this.path = path
    this.authority = authority
    this.clock = clock
    this.#server = new Server({ interceptors: [demandSecurityHeader] })
    this.#server.addService(serviceDefinition(SpiffeWorkloadAPI), handlersFor(this) as UntypedServiceImplementation)
  }

  static async open(path: string, authority: DevAuthority, clock: Clock): Promise<WorkloadSocket> {
    const socket = new WorkloadSocket(path, authority, clock)
    await socket.#listen()
    return socket
  }

  /** What `SPIFFE_ENDPOINT_SOCKET` is set to. */
  get endpoint(): string {
    return `unix://${this.path}`
  }

  /** The identities behind this socket, ordered as they are handed out; of two with one hint the older. */
  get entries(): readonly Entry[] {
    const hints = new Set<string>()
    const distinct = this.#entries.filter(({ hint }) => {
      const taken = hint !== '' && hints.has(hint)
      hints.add(hint)
      return !taken
    })
    return distinct.sort((a, b) => (a.entryId < b.entryId ? -1 : 1))
  }

  /** All entries, also those left out because of their hint. */
  get registered(): readonly Entry[] {
    return this.#entries
  }

  add(entry: Entry): void {
    this.#entries.push(entry)
    this.changed('svids')
  }

  /** @returns whether the entry was behind this socket */
  remove(entryId: string): boolean {
    const index = this.#entries.findIndex((entry) => entry.entryId === entryId)
    if (index < 0) return false
    this.#entries.splice(index, 1)
    this.changed('svids')
    return true
  }

  /** Writes a new message to every stream that tells of `topic`. */
  changed(topic: Topic): void {
    for (const subscription of [...this.#subscriptions]) {
      if (subscription.topics.includes(topic)) subscription.write()
    }
  }

  /** The first message at once, then each that differs; PermissionDenied when the last identity has gone. */
  subscribe<R>(call: ServerWritableStream<unknown, R>, topics: readonly Topic[], message: () => R): void {
    let last: string | undefined
    const write = (): void => {
      if (this.#entries.length === 0) {
        this.#subscriptions.delete(subscription)
        call.emit('error', noIdentity)
        return
      }
      const next = message()
      const text = JSON.stringify(next, bytesAsText)
      if (text !== last) call.write(next)
      last = text
    }
    const subscription = { topics, write }
    this.#subscriptions.add(subscription)
    call.on('cancelled', () => this.#subscriptions.delete(subscription))
    write()
  }

  /** Ends every call and removes the socket. */
  close(): void {
    this.#server.forceShutdown()
  }

  #listen(): Promise<void> {
    // A longer path would be cut off, and the socket be somewhere else.
    if (Buffer.byteLength(this.path) > longestSocketPath) throw cannotListen(this.path)
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.path}`, ServerCredentials.createInsecure(), (cause) => {
        if (cause) reject(cannotListen(this.path, cause))
        else chmod(this.path, 0o600).then(resolve, reject)
      })
    })
  }
}

/** No request is looked at without it, unknown ones included (Workload Endpoint, section 3). */
const demandSecurityHeader: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata(metadata, proceed) {
          if (hasSecurityHeader(metadata)) proceed(metadata)
          else call.sendStatus({ code: Status.INVALID_ARGUMENT, details: 'security header missing from request' })
        },
      }),
  })

function hasSecurityHeader(metadata: Metadata): boolean {
  const values = metadata.get('workload.spiffe.io')
  return values.length === 1 && values[0] === 'true'
}

const bytesAsText = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value

/** The kernel's limit for the address of a unix socket, without its final zero byte. */
const longestSocketPath = 107

function cannotListen(path: string, cause?: Error): DevError {
  const why = cause ? cause.message : `it is longer than the ${longestSocketPath} bytes that a socket's path may have`
  return new DevError('ERR_DEV_SERVER_START', `the Workload API cannot listen on ${path}: ${why}`, {
    cure: 'Remove the socket that a killed process left behind, or choose a folder with a shorter path.',
    cause,
  })
}
