/**
 * Calls to the Workload API over gRPC. Time-outs and the pauses between attempts are counted by the `Clock`,
 * so a channel that failed is not left to gRPC's own back-off: the next call opens a new one.
 * @module
 */
import type { DescMethodServerStreaming, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { Clock } from '@chaveiro/rotation'
import * as grpc from '@grpc/grpc-js'
import { methodDefinition } from '../grpc-definition.js'
import { grpcTarget, type WorkloadEndpoint } from './endpoint.js'
import { closedError, type WorkloadApiError } from './errors.js'
import { deadlineError, readStatus } from './status.js'

/** A stream that is being read. */
export interface OpenStream {
  /** Ends it; nothing more is reported. */
  cancel(): void
}

export interface StreamListener<T> {
  message(message: T): void
  /** The stream is over: `undefined` for a clean end. */
  end(error: WorkloadApiError | undefined): void
}

/** One channel and the calls on it: it is closed when it has failed and the last of them is over. */
class Channel {
  readonly client: grpc.Client
  retired = false
  readonly calls = new Set<{ cancel(): void }>()

  constructor(endpoint: WorkloadEndpoint) {
    this.client = new grpc.Client(grpcTarget(endpoint), grpc.credentials.createInsecure(), channelOptions)
  }

  closeWhenIdle(): void {
    if (this.retired && this.calls.size === 0) this.client.close()
  }
}

/** Every request bears it, so that no proxy of a browser can be led to the socket (Workload Endpoint, section 3). */
const securityHeader: grpc.Interceptor = (options, nextCall) =>
  new grpc.InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      metadata.set('workload.spiffe.io', 'true')
      next(metadata, listener)
    },
  })

const channelOptions: grpc.ClientOptions = {
  interceptors: [securityHeader],
  // A channel of our own: a shared one would bring the back-off of another client's failures.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  // Go servers end connections that are pinged more often than every 5 minutes.
  'grpc.keepalive_time_ms': 6 * 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
}

export class WorkloadConnection {
  readonly endpoint: WorkloadEndpoint
  readonly #clock: Clock
  readonly #channels = new Set<Channel>()
  #current: Channel | undefined
  #closed = false

  constructor(endpoint: WorkloadEndpoint, clock: Clock) {
    this.endpoint = endpoint
    this.#clock = clock
  }

  /**
   * One question, one answer, within `timeoutMs`.
   * @throws {WorkloadApiError}, or the signal's reason
   */
  async unary<M extends DescMethodUnary>(
    method: M,
    request: MessageInitShape<M['input']>,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<MessageShape<M['output']>> {
    signal?.throwIfAborted()
    const channel = this.#open()
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method)
    let timedOut = false
    let call: grpc.ClientUnaryCall | undefined
    const cancel = (): void => call?.cancel()
    const deadline = this.#clock.schedule(timeoutMs, () => {
      timedOut = true
      cancel()
    })
    signal?.addEventListener('abort', cancel)
    try {
      return await new Promise<MessageShape<M['output']>>((resolve, reject) => {
        call = channel.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
          error ? reject(error) : resolve(answer as MessageShape<M['output']>),
        )
        channel.calls.add(call)
      })
    } catch (error) {
      signal?.throwIfAborted()
      if (timedOut) throw deadlineError(this.endpoint, timeoutMs)
      throw await this.#read(error as grpc.ServiceError, channel)
    } finally {
      deadline.cancel()
      signal?.removeEventListener('abort', cancel)
      this.#done(channel, call)
    }
  }

  /** Opens a stream, which has no deadline. What becomes of it is told to the listener, in a later turn. */
  stream<M extends DescMethodServerStreaming>(
    method: M,
    request: MessageInitShape<M['input']>,
    listener: StreamListener<MessageShape<M['output']>>,
  ): OpenStream {
    const channel = this.#open()
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method)
    const call = channel.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request)
    channel.calls.add(call)
    let over = false
    const finish = async (error?: grpc.ServiceError): Promise<void> => {
      if (over) return
      over = true
      const reason = error && (await this.#read(error, channel))
      this.#done(channel, call)
      if (!cancelled) listener.end(reason)
    }
    let cancelled = false
    call.on('data', (message: MessageShape<M['output']>) => {
      if (!cancelled) listener.message(message)
    })
    call.on('error', finish)
    call.on('end', () => finish())
    return {
      cancel: () => {
        cancelled = true
        call.cancel()
      },
    }
  }

  /** Ends all calls. */
  close(): void {
    this.#closed = true
    for (const channel of this.#channels) {
      channel.retired = true
      for (const call of channel.calls) call.cancel()
      channel.closeWhenIdle()
    }
  }

  #open(): Channel {
    if (this.#closed) throw closedError('WorkloadApiClient')
    if (!this.#current || this.#current.retired) {
      this.#current = new Channel(this.endpoint)
      this.#channels.add(this.#current)
    }
    return this.#current
  }

  async #read(error: grpc.ServiceError, channel: Channel): Promise<WorkloadApiError> {
    if (error.code === grpc.status.UNAVAILABLE) channel.retired = true
    return this.#closed ? closedError('WorkloadApiClient') : readStatus(error, this.endpoint)
  }

  #done(channel: Channel, call: { cancel(): void } | undefined): void {
    if (call) channel.calls.delete(call)
    channel.closeWhenIdle()
    if (channel.retired && channel.calls.size === 0) this.#channels.delete(channel)
  }
}
