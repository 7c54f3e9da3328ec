/**
 * One attempt in flight: its signal, its correlation id, and what becomes of an answer that comes too late.
 * The only place where an attempt has an AbortController, so that an idle rotation has none.
 * @module
 */
import type { Attempt } from './source.js'

export class Flight {
  readonly correlationId: string
  readonly startedMs: number
  readonly #controller = new AbortController()
  #calls: Promise<unknown> = Promise.resolve()

  constructor(correlationId: string, startedMs: number) {
    this.correlationId = correlationId
    this.startedMs = startedMs
  }

  get aborted(): boolean {
    return this.#controller.signal.aborted
  }

  get attempt(): Attempt {
    return { signal: this.#controller.signal, correlationId: this.correlationId }
  }

  /** Resolves when the call that was made has ended, even after an abort. Never rejects. */
  get settled(): Promise<unknown> {
    return this.#calls
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason)
  }

  /**
   * Makes one call and waits for it no longer than the flight lasts.
   * @param tooLate - is given the answer that arrives after the abort
   * @throws what the call rejects with, or the reason of the abort
   */
  run<R>(call: (attempt: Attempt) => Promise<R>, tooLate?: (answer: R) => void): Promise<R> {
    const { signal } = this.#controller
    return new Promise<R>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      // `async` turns what a source throws at once into a rejection.
      const called = (async () => call(this.attempt))()
      this.#calls = called
        .then((answer) => (signal.aborted ? tooLate?.(answer) : resolve(answer)), reject)
        .finally(() => signal.removeEventListener('abort', onAbort))
    })
  }
}
