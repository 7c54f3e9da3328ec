/** The Workload API as it is on the wire: nothing is retried, checked or remembered. */
import { serviceDefinition } from '@chaveiro/spiffe/grpc-definition'
import { SpiffeWorkloadAPI } from '@chaveiro/spiffe/workload-api-proto'
import * as grpc from '@grpc/grpc-js'
import { vi } from 'vitest'

export type Method = (typeof SpiffeWorkloadAPI)['methods'][number]['name']

/** How a call ended: the status, and the messages that came before it. */
export interface Ended<T> {
  readonly code: grpc.status
  readonly details: string
  readonly messages: T[]
}

const header = (): grpc.Metadata => {
  const metadata = new grpc.Metadata()
  metadata.set('workload.spiffe.io', 'true')
  return metadata
}

/** Waits for something that another process does. */
export const eventually = <T>(check: () => T | Promise<T>, timeout = 20_000): Promise<T> =>
  vi.waitFor(check, { interval: 20, timeout })

/** A stream that is being read. */
export class RawStream<T> {
  readonly messages: T[] = []
  readonly ended: Promise<Ended<T>>
  readonly #call: grpc.ClientReadableStream<T>

  constructor(call: grpc.ClientReadableStream<T>) {
    this.#call = call
    call.on('data', (message: T) => this.messages.push(message))
    this.ended = new Promise((resolve) => {
      const end = (code: grpc.status, details: string): void => resolve({ code, details, messages: this.messages })
      call.on('error', (error: grpc.ServiceError) => end(error.code, error.details))
      call.on('end', () => end(grpc.status.OK, ''))
    })
  }

  /** The `count`-th message. */
  message(count = 1): Promise<T> {
    return eventually(() => {
      const message = this.messages[count - 1]
      if (message === undefined) throw new Error(`${this.messages.length} messages have come, not ${count}`)
      return message
    })
  }

  cancel(): void {
    this.#call.cancel()
  }
}

export class RawWorkloadApi {
  readonly #client: grpc.Client
  readonly #methods = serviceDefinition(SpiffeWorkloadAPI)

  constructor(endpoint: string) {
    this.#client = new grpc.Client(endpoint.replace('unix://', 'unix:'), grpc.credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    })
  }

  unary<T>(method: Method, request: object, metadata = header()): Promise<Ended<T>> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, answer) =>
        resolve({
          code: error?.code ?? grpc.status.OK,
          details: error?.details ?? '',
          messages: answer === undefined ? [] : [answer as T],
        }),
      )
    })
  }

  stream<T>(method: Method, metadata = header()): RawStream<T> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    const call = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {}, metadata)
    return new RawStream(call as grpc.ClientReadableStream<T>)
  }

  /** Calls any path with an empty request. */
  call(path: string): Promise<Ended<unknown>> {
    return new Promise((resolve) => {
      const bytes = (): Buffer => Buffer.alloc(0)
      this.#client.makeUnaryRequest(path, bytes, bytes, {}, header(), (error) =>
        resolve({ code: error?.code ?? grpc.status.OK, details: error?.details ?? '', messages: [] }),
      )
    })
  }

  close(): void {
    this.#client.close()
  }

  #method(name: Method): grpc.MethodDefinition<object, unknown> {
    return this.#methods[name] as grpc.MethodDefinition<object, unknown>
  }
}
