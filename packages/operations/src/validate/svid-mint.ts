/**
 * JWT-SVIDs of any workload, for tests of a login: made by SPIRE server for whoever may use its own socket.
 * @module
 */
import { type Clock, systemClock } from '@chaveiro/rotation'
import { JwtSvid, type SpiffeId } from '@chaveiro/spiffe'
import { methodDefinition } from '@chaveiro/spiffe/grpc-definition'
import * as grpc from '@grpc/grpc-js'
import { SpireServerError } from '../spire/errors.js'
import { SVID } from '../spire/proto/svid_pb.js'

export interface SvidMint {
  /** A token that lives as long as is asked for at most. @throws {SpireServerError} */
  mintJwtSvid(id: SpiffeId, audience: string, ttlSeconds: number): Promise<JwtSvid>
}

export interface SpireSvidMintOptions {
  /** Path of the socket of the server's API, which only its owner can open. */
  readonly socket: string
  /** Bound on each call, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
}

/** Whoever opens it closes it. */
export class SpireSvidMint implements SvidMint, AsyncDisposable {
  readonly #client: grpc.Client
  readonly #timeoutMs: number
  readonly #clock: Clock

  /** Nothing is connected yet. */
  constructor({ socket, timeoutMs = 10_000, clock = systemClock }: SpireSvidMintOptions) {
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    this.#client = new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_http_proxy': 0,
    })
  }

  async mintJwtSvid(id: SpiffeId, audience: string, ttlSeconds: number): Promise<JwtSvid> {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(SVID.method.mintJWTSVID)
    const request = { id: { trustDomain: id.trustDomain.name, path: id.path }, audience: [audience], ttl: ttlSeconds }
    const deadline = this.#clock.wallMs() + this.#timeoutMs
    const answer = await new Promise<ReturnType<typeof responseDeserialize>>((resolve, reject) => {
      const done = (error: grpc.ServiceError | null, value?: ReturnType<typeof responseDeserialize>): void =>
        value ? resolve(value) : reject(failure(error))
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline }, done)
    })
    return JwtSvid.parseUnverified(answer.svid?.token ?? '')
  }

  /** Calling it again is harmless. */
  async close(): Promise<void> {
    this.#client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function failure(error: grpc.ServiceError | null): SpireServerError {
  const { UNAVAILABLE, DEADLINE_EXCEEDED, PERMISSION_DENIED } = grpc.status
  const codes = new Map<number | undefined, ConstructorParameters<typeof SpireServerError>[0]>([
    [UNAVAILABLE, 'ERR_SPIRE_SERVER_UNREACHABLE'],
    [DEADLINE_EXCEEDED, 'ERR_SPIRE_SERVER_TIMEOUT'],
    [PERMISSION_DENIED, 'ERR_SPIRE_SERVER_PERMISSION_DENIED'],
  ])
  const code = codes.get(error?.code) ?? 'ERR_SPIRE_SERVER_REFUSED'
  return new SpireServerError(code, `SPIRE server: mint a JWT-SVID: ${error?.details ?? 'no answer'}`, { cause: error })
}
