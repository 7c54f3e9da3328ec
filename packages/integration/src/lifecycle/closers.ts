/**
 * What was opened, to be closed in reverse order within a bound: after a failed start as well as at the end.
 * @module
 */
import type { Clock } from '@chaveiro/rotation'

interface Closer {
  readonly what: string
  /** @param timeoutMs - how long it may take */
  readonly close: (timeoutMs: number) => Promise<void> | void
}

export class Closers {
  readonly #closers: Closer[] = []
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whoever opens something says at once how it is closed. @param what - named when it does not close in time */
  add(what: string, close: Closer['close']): void {
    this.#closers.push({ what, close })
  }

  /**
   * Closes everything, newest first. One that hangs or fails does not keep the others from being closed.
   * @param timeoutMs - for all together; each gets half of what is left, the last one all of it
   * @returns what could not be closed, or not in time
   */
  async close(timeoutMs: number): Promise<string[]> {
    const endMs = this.#clock.monotonicMs() + timeoutMs
    const left: string[] = []
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      const leftMs = Math.max(0, endMs - this.#clock.monotonicMs())
      const boundMs = this.#closers.length > 0 ? leftMs / 2 : leftMs
      if (!(await this.#closeWithin(closer, boundMs))) left.push(closer.what)
    }
    return left
  }

  async #closeWithin({ close }: Closer, boundMs: number): Promise<boolean> {
    const closing = (async () => close(boundMs))()
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(boundMs, () => resolve(false))
      closing
        .then(
          () => resolve(true),
          () => resolve(false),
        )
        .finally(() => timer.cancel())
    })
  }
}
