/**
 * An agent that does what a test tells it, also what no agent should do. It keeps every call it was sent.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServiceHandlers, serviceDefinition } from '@chaveiro/spiffe/grpc-definition'
import { SpiffeWorkloadAPI } from '@chaveiro/spiffe/workload-api-proto'
import { type Metadata, Server, ServerCredentials, type ServerWritableStream, type status } from '@grpc/grpc-js'
import { vi } from 'vitest'

type Stream = ServerWritableStream<unknown, unknown>
type Streaming = 'fetchX509SVID' | 'fetchX509Bundles' | 'fetchJWTBundles'

/** Waits for something that another end of a socket does. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { interval: 2, timeout: 10_000 })

/**
 * Lets what crosses the socket arrive and be answered. Both ends are in this process, so it takes turns of the event
 * loop, not time.
 */
export async function exchange(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export class ScriptedAgent implements AsyncDisposable {
  readonly endpoint: string
  /** What each call came with, in order. */
  readonly calls: { readonly method: string; readonly metadata: Metadata; readonly request: unknown }[] = []
  /** Answers to the calls that have one answer. */
  readonly unary: Pick<ServiceHandlers<typeof SpiffeWorkloadAPI>, 'fetchJWTSVID' | 'validateJWTSVID'> = {}
  readonly #streams = new Map<Streaming, Stream[]>()
  readonly #folder: string
  #server: Server | undefined

  private constructor(folder: string) {
    this.#folder = folder
    this.endpoint = `unix://${join(folder, 'agent.sock')}`
  }

  static async start(): Promise<ScriptedAgent> {
    const agent = await ScriptedAgent.absent()
    await agent.listen()
    return agent
  }

  /** Its socket does not exist until it {@link listen}s. */
  static async absent(): Promise<ScriptedAgent> {
    return new ScriptedAgent(await mkdtemp(join(tmpdir(), 'spiffe-')))
  }

  get socketPath(): string {
    return join(this.#folder, 'agent.sock')
  }

  async listen(): Promise<void> {
    const server = new Server()
    server.addService(serviceDefinition(SpiffeWorkloadAPI), this.#handlers() as never)
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.socketPath}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      )
    })
    this.#server = server
  }

  /** Ends as a killed agent does: every connection breaks, the socket goes. */
  die(): void {
    this.#server?.forceShutdown()
    this.#server = undefined
  }

  /** The stream that was opened as the `count`-th of its kind. */
  stream(method: Streaming, count = 1): Promise<Stream> {
    return eventually(() => {
      const stream = this.#streams.get(method)?.[count - 1]
      if (!stream) throw new Error(`${method} was opened ${this.opened(method)} times, not ${count}`)
      return stream
    })
  }

  opened(method: Streaming): number {
    return this.#streams.get(method)?.length ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.die()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #handlers(): ServiceHandlers<typeof SpiffeWorkloadAPI> {
    const streaming = (method: Streaming) => (call: Stream) => {
      this.calls.push({ method, metadata: call.metadata, request: call.request })
      this.#streams.set(method, [...(this.#streams.get(method) ?? []), call])
    }
    return {
      fetchX509SVID: streaming('fetchX509SVID'),
      fetchX509Bundles: streaming('fetchX509Bundles'),
      fetchJWTBundles: streaming('fetchJWTBundles'),
      fetchJWTSVID: (call, callback) => {
        this.calls.push({ method: 'fetchJWTSVID', metadata: call.metadata, request: call.request })
        this.unary.fetchJWTSVID?.(call, callback)
      },
      validateJWTSVID: (call, callback) => {
        this.calls.push({ method: 'validateJWTSVID', metadata: call.metadata, request: call.request })
        this.unary.validateJWTSVID?.(call, callback)
      },
    }
  }
}

/** Ends a stream with a status. */
export function fail(stream: Stream, code: status, details = 'told by the test'): void {
  stream.emit('error', { code, details })
}
