/**
 * The five calls of the SPIFFE Workload API.
 * @see SPIFFE_Workload_API.md
 * @module
 */
import type { DescMethodServerStreaming, MessageShape } from '@bufbuild/protobuf'
import { type Clock, Secret, systemClock } from '@chaveiro/rotation'
import type { JwtSvid } from '../svid/jwt-svid.js'
import { WorkloadConnection } from './connection.js'
import { findEndpoint } from './endpoint.js'
import { closedError, WorkloadApiError } from './errors.js'
import { type JwtSvidRequest, readJwtBundles, readJwtSvids, readValidatedSvid } from './jwt-svids.js'
import { SpiffeWorkloadAPI } from './proto/workload_pb.js'
import { told, toldListener } from './telling.js'
import type { JwtTrustBundles } from './trust-bundles.js'
import { StreamWatch, type Watch, type WatchListener } from './watch.js'
import { readX509Bundles, readX509Context, type X509Bundles, type X509Context } from './x509-context.js'

export interface WorkloadApiClientOptions {
  /** `unix:///path/of.sock` or `tcp://127.0.0.1:port`. Default: `SPIFFE_ENDPOINT_SOCKET` of `env`. */
  endpoint?: string
  /** Default: the environment of this process. */
  env?: Readonly<Record<string, string | undefined>>
  /** Bound on calls that have one answer, in milliseconds, above 0. Default 5000. */
  timeoutMs?: number
  /** Bound on the first message of a stream, in milliseconds, above 0. Default 10 000. */
  firstMessageTimeoutMs?: number
  /** Allows TCP beyond loopback, where the network authenticates source addresses. Default false. */
  allowRemoteTcp?: boolean
  clock?: Clock
}

export interface CallOptions {
  signal?: AbortSignal
  /** Default: what the client was given. */
  timeoutMs?: number
}

/** One connection to the agent. It shows no credentials: the agent finds out by itself who calls. */
export class WorkloadApiClient implements AsyncDisposable {
  /** The address in use, for messages. */
  readonly endpoint: string
  readonly #connection: WorkloadConnection
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #firstMessageTimeoutMs: number
  readonly #watches = new Set<Watch>()
  #closed = false

  /** @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_ENDPOINT`; nothing is connected yet */
  constructor(options: WorkloadApiClientOptions = {}) {
    const { env = process.env, clock = systemClock, timeoutMs = 5000, firstMessageTimeoutMs = 10_000 } = options
    for (const bound of [timeoutMs, firstMessageTimeoutMs]) {
      if (!(bound > 0)) throw new RangeError(`a timeout is above 0 ms, got ${bound}`)
    }
    const endpoint = findEndpoint({ ...options, env })
    this.endpoint = endpoint.text
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#firstMessageTimeoutMs = firstMessageTimeoutMs
    this.#connection = new WorkloadConnection(endpoint, clock)
  }

  /** The X.509-SVIDs of this process and all bundles it needs, once. */
  fetchX509Context(signal?: AbortSignal): Promise<X509Context> {
    return told('x509', this.#clock, () => this.#first((listener) => this.#watchX509Context(listener, signal), signal))
  }

  /** The same, again on every change, until the watch is closed. */
  watchX509Context(listener: WatchListener<X509Context>, signal?: AbortSignal): Watch {
    return this.#watchX509Context(toldListener('svid', 'x509', listener), signal)
  }

  /** The X.509 bundles alone, once: for those who only verify. */
  fetchX509Bundles(signal?: AbortSignal): Promise<X509Bundles> {
    return this.#first((listener) => this.#watchX509Bundles(listener, signal), signal)
  }

  watchX509Bundles(listener: WatchListener<X509Bundles>, signal?: AbortSignal): Watch {
    return this.#watchX509Bundles(toldListener('bundle', 'x509', listener), signal)
  }

  /**
   * JWT-SVIDs of this process for some audiences: one of each identity, or of the one named.
   * @throws {WorkloadApiError} or the signal's reason
   */
  async fetchJwtSvids(request: JwtSvidRequest, options: CallOptions = {}): Promise<[JwtSvid, ...JwtSvid[]]> {
    const { audience, subject } = request
    checkAudience(audience)
    return told('jwt', this.#clock, async () => {
      const answer = await this.#connection.unary(
        SpiffeWorkloadAPI.method.fetchJWTSVID,
        { audience: [...audience], spiffeId: subject?.toString() ?? '' },
        { timeoutMs: this.#timeoutMs, ...options },
      )
      return readJwtSvids(answer, request)
    })
  }

  /** The JWT bundles, once. */
  fetchJwtBundles(signal?: AbortSignal): Promise<JwtTrustBundles> {
    return this.#first((listener) => this.#watchJwtBundles(listener, signal), signal)
  }

  watchJwtBundles(listener: WatchListener<JwtTrustBundles>, signal?: AbortSignal): Watch {
    return this.#watchJwtBundles(toldListener('bundle', 'jwt', listener), signal)
  }

  /**
   * Has the agent judge a JWT-SVID. Each call makes the agent attest this process, so a server that validates
   * every request does it by itself, with the bundles.
   * @throws {WorkloadApiError} `ERR_WORKLOAD_API_TOKEN_REJECTED` when the token is not valid
   */
  async validateJwtSvid(
    { token, audience }: { token: Secret | string; audience: string },
    options: CallOptions = {},
  ): Promise<JwtSvid> {
    checkAudience([audience])
    const svid = token instanceof Secret ? token.expose() : token
    if (svid === '') throw rejected('there is no token')
    try {
      const answer = await this.#connection.unary(
        SpiffeWorkloadAPI.method.validateJWTSVID,
        { audience, svid },
        { timeoutMs: this.#timeoutMs, ...options },
      )
      return readValidatedSvid(answer, svid)
    } catch (error) {
      if (error instanceof WorkloadApiError && error.code === 'ERR_WORKLOAD_API_INVALID_ARGUMENT') {
        throw rejected('the agent judges it invalid', error)
      }
      throw error
    }
  }

  /** Ends all watches and calls. Calling it again is harmless. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#watches, (watch) => watch.close()))
    this.#connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The first message of a stream, which is cancelled then. Its first failure is final. */
  async #first<T>(open: (listener: WatchListener<T>) => Watch, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted()
    let watch: Watch | undefined
    try {
      return await new Promise<T>((resolve, reject) => {
        watch = open({ update: resolve, failure: reject })
        void watch.done.then(() => reject(signal?.aborted ? signal.reason : closedError('WorkloadApiClient')))
      })
    } finally {
      await watch?.close()
    }
  }

  #watchX509Context(listener: WatchListener<X509Context>, signal?: AbortSignal): Watch {
    return this.#watch(SpiffeWorkloadAPI.method.fetchX509SVID, readX509Context, listener, signal)
  }

  #watchX509Bundles(listener: WatchListener<X509Bundles>, signal?: AbortSignal): Watch {
    return this.#watch(SpiffeWorkloadAPI.method.fetchX509Bundles, readX509Bundles, listener, signal)
  }

  #watchJwtBundles(listener: WatchListener<JwtTrustBundles>, signal?: AbortSignal): Watch {
    return this.#watch(SpiffeWorkloadAPI.method.fetchJWTBundles, readJwtBundles, listener, signal)
  }

  #watch<M extends DescMethodServerStreaming, T>(
    method: M,
    parse: (message: MessageShape<M['output']>) => T,
    listener: WatchListener<T>,
    signal: AbortSignal | undefined,
  ): Watch {
    if (this.#closed) throw closedError('WorkloadApiClient')
    const watch = new StreamWatch({
      open: (toStream) => this.#connection.stream(method, {} as never, toStream),
      parse,
      listener,
      endpoint: this.#connection.endpoint,
      clock: this.#clock,
      firstMessageTimeoutMs: this.#firstMessageTimeoutMs,
      signal,
    })
    this.#watches.add(watch)
    void watch.done.then(() => this.#watches.delete(watch))
    return watch
  }
}

/** @throws {WorkloadApiError} before anything is sent */
function checkAudience(audience: readonly string[]): void {
  if (audience.length > 0 && audience.every((each) => each !== '')) return
  throw new WorkloadApiError('ERR_WORKLOAD_API_INVALID_ARGUMENT', 'the audience is empty', {
    cure: 'Name the service that the JWT-SVID is for; a token for nobody is accepted by nobody.',
  })
}

function rejected(why: string, cause?: WorkloadApiError): WorkloadApiError {
  return new WorkloadApiError('ERR_WORKLOAD_API_TOKEN_REJECTED', `the JWT-SVID was rejected: ${why}`, {
    cure: 'Refuse the caller. The cause has the words of the agent: often the token has expired or is for another audience.',
    cause,
    ...(cause?.grpcStatus && { grpcStatus: cause.grpcStatus }),
  })
}
