/**
 * The end of a request: its own time-out by the clock, or the caller's signal, whichever comes first.
 * @module
 */
import type { Clock, Timer } from '@chaveiro/rotation'

export class Deadline {
  readonly #controller = new AbortController()
  readonly #caller: AbortSignal | undefined
  readonly #timer: Timer
  /** The time is up. */
  expired = false

  constructor(clock: Clock, timeoutMs: number, caller: AbortSignal | undefined) {
    this.#caller = caller
    this.#timer = clock.schedule(timeoutMs, () => {
      this.expired = true
      this.#controller.abort()
    })
    if (caller?.aborted) this.#abort()
    else caller?.addEventListener('abort', this.#abort)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Removed from the caller's signal, which may outlive many requests. */
  end(): void {
    this.#timer.cancel()
    this.#caller?.removeEventListener('abort', this.#abort)
  }

  readonly #abort = (): void => this.#controller.abort(this.#caller?.reason)
}
