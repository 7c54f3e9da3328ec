/**
 * One call's wait for its token: bounded by the call's deadline, its cancellation and the longest wait.
 * @module
 */
import { type Clock, systemClock, type Timer } from '@chaveiro/rotation'
import type { JwtSvid, JwtSvidSource } from '@chaveiro/spiffe'
import { GrpcAuthError } from './errors.js'
import { cancelled, deadlineExceeded, tokenUnavailable, type Unsendable } from './unsendable.js'

/** grpc-js ends its own half of the call up to 1 ms before the deadline; a call started after that never answers. */
const deadlineGuardMs = 2

export interface TokenWaitOptions {
  source: JwtSvidSource
  audience: string
  /** Longest wait in milliseconds. Default 10 000. */
  tokenTimeoutMs?: number
  clock?: Clock
}

export class TokenWait {
  readonly #abort = new AbortController()
  readonly #timers: Timer[] = []
  readonly #options: TokenWaitOptions
  readonly #clock: Clock
  readonly #deadlineMs: number

  constructor(options: TokenWaitOptions, deadline: Date | number | undefined) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#deadlineMs = deadline instanceof Date ? deadline.getTime() : (deadline ?? Number.POSITIVE_INFINITY)
  }

  /** @throws {Unsendable} or the source's own error */
  async token(): Promise<JwtSvid> {
    const { source, audience, tokenTimeoutMs = 10_000 } = this.#options
    const { signal } = this.#abort
    signal.throwIfAborted()
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    this.#stopAfter(tokenTimeoutMs, () => tokenUnavailable(audience, timedOut(tokenTimeoutMs)))
    if (this.#deadlineMs !== Number.POSITIVE_INFINITY) {
      this.#stopAfter(this.#deadlineMs - deadlineGuardMs - this.#clock.wallMs(), deadlineExceeded)
    }
    try {
      return await Promise.race([source.fetchJwtSvid({ audience, signal }), stopped])
    } finally {
      for (const timer of this.#timers) timer.cancel()
    }
  }

  /** To be asked in the same turn in which the call is started: an inner call that has ended never answers. */
  throwIfOver(): void {
    this.#abort.signal.throwIfAborted()
    if (this.#deadlineMs - deadlineGuardMs <= this.#clock.wallMs()) throw deadlineExceeded()
  }

  cancel(): void {
    this.#abort.abort(cancelled())
  }

  #stopAfter(delayMs: number, ending: () => Unsendable): void {
    this.#timers.push(this.#clock.schedule(delayMs, () => this.#abort.abort(ending())))
  }
}

function timedOut(tokenTimeoutMs: number): GrpcAuthError {
  return new GrpcAuthError('ERR_GRPC_TOKEN_TIMEOUT', `no token within ${tokenTimeoutMs} ms`, {
    cure: 'Look at the state of the JWT source: is the Workload API reachable, is there an entry for this workload?',
  })
}
