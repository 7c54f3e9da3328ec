/**
 * How long a start waits. A server that is away may come; one that says no will go on saying no.
 * @module
 */
import { type Clock, type Rotation, type RotationEvent, rotationChannels, type Timer } from '@chaveiro/rotation'
import { IntegrationError } from '../errors.js'

/** How long before the end a step that is bounded by itself gives its account, in milliseconds. */
const accountMs = 50

/** Bounds all steps of one start together. */
export class StartBound {
  readonly #controller = new AbortController()
  readonly #timer: Timer
  readonly #clock: Clock
  readonly #seconds: number
  readonly #endMs: number
  #step = 'configuration'

  /** @param signal - gives the start up, as the time does */
  constructor(clock: Clock, timeoutMs: number, signal?: AbortSignal) {
    this.#clock = clock
    this.#seconds = timeoutMs / 1000
    this.#endMs = clock.monotonicMs() + timeoutMs
    this.#timer = clock.schedule(timeoutMs, () => this.#controller.abort(new Error('the time to start is over')))
    if (signal?.aborted) this.#controller.abort(signal.reason)
    signal?.addEventListener('abort', () => this.#controller.abort(signal.reason), { signal: this.#controller.signal })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Bound for a step that keeps an account of its failures: it ends just before ours, so that the account is had. */
  get stepTimeoutMs(): number {
    return Math.max(1, this.#endMs - this.#clock.monotonicMs() - accountMs)
  }

  /** What is being done, for the error and the log. */
  get step(): string {
    return this.#step
  }

  /** @throws what `run` throws, as the cause of an {@link IntegrationError} that names the step */
  async run<T>(step: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#step = step
    try {
      this.#controller.signal.throwIfAborted()
      return await run(this.#controller.signal)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  /** The first value of a rotation; not waited for once its source refuses. */
  async ready<T>(rotation: Rotation<T>, signal: AbortSignal): Promise<T> {
    const refused = new AbortController()
    let denials = 0
    const listen = (message: unknown): void => {
      const { rotationId, failureKind, step } = message as RotationEvent
      if (rotationId !== rotation.id || step === 'revoke') return
      // After the first denial the engine restores what authorises it; a second one is the policy's own.
      if (failureKind === 'unauthorized') denials += 1
      if (failureKind === 'refused' || denials > 1) refused.abort(new Error('the source refuses'))
    }
    rotationChannels.failed.subscribe(listen)
    try {
      return await rotation.ready(AbortSignal.any([signal, refused.signal]))
    } finally {
      rotationChannels.failed.unsubscribe(listen)
    }
  }

  end(): void {
    this.#timer.cancel()
    // Lets go of the listener on the caller's signal.
    if (!this.#controller.signal.aborted) this.#controller.abort(new Error('the start is over'))
  }

  #failed(error: unknown): IntegrationError {
    if (error instanceof IntegrationError) return error
    const found = firstWithCure(error)
    const why = found?.message ?? (error instanceof Error ? error.message : 'unknown error')
    const cure = found?.cure ?? 'See the cause; the start can be tried again as it is.'
    return this.#clock.monotonicMs() >= this.#endMs - 2 * accountMs
      ? new IntegrationError(
          'ERR_INTEGRATION_START_TIMEOUT',
          `could not start within ${this.#seconds} s (${this.#step}): ${why}`,
          { cure: `${cure} CHAVEIRO_START_TIMEOUT sets how long a start waits.`, cause: error },
        )
      : new IntegrationError('ERR_INTEGRATION_START_FAILED', `could not start (${this.#step}): ${why}`, {
          cure,
          cause: error,
        })
  }
}

/** The innermost error that names a cure knows best what went wrong; a rotation only says that it has no value. */
function firstWithCure(error: unknown): (Error & { cure: string }) | undefined {
  let best: (Error & { cure: string }) | undefined
  let current = error
  for (let depth = 0; current instanceof Error && depth < 8; depth += 1) {
    if ('cure' in current && typeof current.cure === 'string') best = current as Error & { cure: string }
    current = current.cause
  }
  return best
}
