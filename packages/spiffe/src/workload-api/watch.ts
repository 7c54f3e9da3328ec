/**
 * Keeps one stream of the Workload API open, and opens it again when it ends.
 * @see SPIFFE_Workload_API.md, section 4.2; SPIFFE_Workload_Endpoint.md, section 6
 * @module
 */
import type { Clock, Timer } from '@chaveiro/rotation'
import type { OpenStream, StreamListener } from './connection.js'
import type { WorkloadEndpoint } from './endpoint.js'
import { WorkloadApiError, type WorkloadApiErrorCode } from './errors.js'
import { deadlineError } from './status.js'

/** What comes after a failure. */
export interface AfterFailure {
  /** Milliseconds until the stream is opened again; `undefined` when it is still open, or never will be. */
  readonly retryInMs: number | undefined
  /** The watch is over: trying again would not help. */
  readonly ended: boolean
}

/** Told what a watch sees. Messages are complete: each replaces all that came before. */
export interface WatchListener<T> {
  /** @param durationMs - since the stream was asked for, on its first message; later ones were pushed */
  update(value: T, durationMs: number | undefined): void
  /** A message was discarded, or the stream failed or ended. */
  failure?(error: WorkloadApiError, next: AfterFailure): void
}

/** A running watch. */
export interface Watch extends AsyncDisposable {
  /** Resolves when the watch is over: closed, aborted, or ended by an answer that no retry can change. */
  readonly done: Promise<void>
  /** Ends it; calling it again is harmless. */
  close(): Promise<void>
}

export interface WatchOptions<M, T> {
  /** Opens the stream. */
  open: (listener: StreamListener<M>) => OpenStream
  /** @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_MESSAGE`: the message is discarded, the stream stays */
  parse: (message: M) => T
  listener: WatchListener<T>
  endpoint: WorkloadEndpoint
  clock: Clock
  /** Bound on the first message of each stream, in milliseconds. */
  firstMessageTimeoutMs: number
  signal?: AbortSignal | undefined
}

const shortestPauseMs = 500
const longestPauseMs = 30_000
/** A stream that lived this long, and brought something usable, starts the counting of failures anew. */
const provenAfterMs = 1000

const final: ReadonlySet<WorkloadApiErrorCode> = new Set<WorkloadApiErrorCode>([
  'ERR_WORKLOAD_API_INVALID_ARGUMENT',
  'ERR_WORKLOAD_API_UNIMPLEMENTED',
  'ERR_WORKLOAD_API_CLOSED',
])

/** Pause after so many failures in a row, in whole milliseconds: exponential with full jitter, 0.5 s to 30 s. */
function reconnectDelayMs(failures: number, draw: number): number {
  const ceilingMs = Math.min(longestPauseMs, shortestPauseMs * 2 ** Math.min(failures, 16))
  return shortestPauseMs + Math.floor(draw * (ceilingMs - shortestPauseMs))
}

export class StreamWatch<M, T> implements Watch {
  readonly done: Promise<void>
  readonly #options: WatchOptions<M, T>
  readonly #finish: () => void
  #over = false
  #stream: OpenStream | undefined
  #timer: Timer | undefined
  #failures = 0
  #openedMs = 0
  #usable = 0

  constructor(options: WatchOptions<M, T>) {
    this.#options = options
    const { signal } = options
    let resolve = (): void => undefined
    this.done = new Promise<void>((settle) => {
      resolve = settle
    })
    const onAbort = (): void => void this.close()
    this.#finish = () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted) onAbort()
    else this.#open()
  }

  async close(): Promise<void> {
    if (!this.#over) {
      this.#over = true
      this.#timer?.cancel()
      this.#stream?.cancel()
      this.#finish()
    }
    await this.done
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(): void {
    const { open, clock, endpoint, firstMessageTimeoutMs } = this.#options
    this.#openedMs = clock.monotonicMs()
    this.#usable = 0
    this.#timer = clock.schedule(firstMessageTimeoutMs, () => {
      this.#stream?.cancel()
      this.#ended(deadlineError(endpoint, firstMessageTimeoutMs))
    })
    try {
      this.#stream = open({ message: (message) => this.#message(message), end: (error) => this.#ended(error) })
    } catch (error) {
      this.#ended(error as WorkloadApiError)
    }
  }

  #message(message: M): void {
    if (this.#over) return
    this.#timer?.cancel()
    const { parse, listener, clock } = this.#options
    let value: T
    try {
      value = parse(message)
    } catch (error) {
      listener.failure?.(error as WorkloadApiError, { retryInMs: undefined, ended: false })
      return
    }
    this.#usable += 1
    listener.update(value, this.#usable === 1 ? clock.monotonicMs() - this.#openedMs : undefined)
  }

  #ended(error: WorkloadApiError | undefined): void {
    if (this.#over) return
    this.#timer?.cancel()
    const { listener, clock } = this.#options
    if (error && final.has(error.code)) {
      listener.failure?.(error, { retryInMs: undefined, ended: true })
      void this.close()
      return
    }
    const proven = this.#usable > 0 && clock.monotonicMs() - this.#openedMs >= provenAfterMs
    const atOnce = error === undefined && (proven || this.#failures === 0)
    this.#failures = proven ? 1 : this.#failures + 1
    const retryInMs = atOnce ? 0 : reconnectDelayMs(this.#failures, clock.random())
    listener.failure?.(error ?? cleanEnd(this.#options.endpoint), { retryInMs, ended: false })
    // The listener may have closed the watch.
    if (!this.#over) this.#timer = clock.schedule(retryInMs, () => this.#open())
  }
}

function cleanEnd(endpoint: WorkloadEndpoint): WorkloadApiError {
  return new WorkloadApiError('ERR_WORKLOAD_API_UNAVAILABLE', `Workload API at ${endpoint.text}: the stream ended`, {
    cure: 'Nothing to do: it is opened again. If it keeps ending, look at the log of the SPIFFE agent.',
    grpcStatus: 'OK',
  })
}
