/**
 * Who waits for values: `ready()` for the first one, `changes()` for each that is adopted.
 * @module
 */

interface Waiter<T> {
  resolve(value: T): void
  reject(reason: unknown): void
}

export class Adoptions<T> {
  readonly #waiters = new Set<Waiter<T>>()
  readonly #iterators = new Set<AdoptionIterator<T>>()

  /** A new value is in use. */
  adopted(value: T): void {
    for (const iterator of this.#iterators) iterator.offer(value)
    this.revived(value)
  }

  /** A value that had ended lives again, by a renewal that came late. */
  revived(value: T): void {
    for (const waiter of [...this.#waiters]) waiter.resolve(value)
  }

  /** Iterators end, promises reject with `reason`. */
  end(reason: unknown): void {
    for (const iterator of this.#iterators) iterator.finish()
    for (const waiter of [...this.#waiters]) waiter.reject(reason)
    this.#iterators.clear()
  }

  /** @throws what `reasonOfAbort` gives, when `signal` aborts first, or the reason of {@link end} */
  first(signal: AbortSignal | undefined, reasonOfAbort: () => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(reasonOfAbort())
      const onAbort = (): void => waiter.reject(reasonOfAbort())
      const leave = (): void => {
        this.#waiters.delete(waiter)
        signal?.removeEventListener('abort', onAbort)
      }
      const waiter: Waiter<T> = {
        resolve: (value) => {
          leave()
          resolve(value)
        },
        reject: (reason) => {
          leave()
          reject(reason)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  /**
   * Each value that is adopted from now on. Whoever reads slowly is given the newest only: older ones are
   * revoked. Nothing is kept for an iterator that was returned.
   * @param start - yielded first, when there is one
   */
  iterate(start: { readonly value: T } | undefined): AsyncIterableIterator<T> {
    const iterator = new AdoptionIterator<T>(start, () => this.#iterators.delete(iterator))
    this.#iterators.add(iterator)
    return iterator
  }
}

class AdoptionIterator<T> implements AsyncIterableIterator<T> {
  readonly #leave: () => void
  readonly #readers: ((result: IteratorResult<T>) => void)[] = []
  #newest: { readonly value: T } | undefined
  #finished = false

  constructor(start: { readonly value: T } | undefined, leave: () => void) {
    this.#newest = start
    this.#leave = leave
  }

  next(): Promise<IteratorResult<T>> {
    const newest = this.#newest
    this.#newest = undefined
    if (newest !== undefined) return Promise.resolve({ done: false, value: newest.value })
    if (this.#finished) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.#readers.push(resolve))
  }

  return(): Promise<IteratorResult<T>> {
    this.#newest = undefined
    this.#leave()
    this.finish()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this
  }

  offer(value: T): void {
    const reader = this.#readers.shift()
    if (reader === undefined) this.#newest = { value }
    else reader({ done: false, value })
  }

  finish(): void {
    this.#finished = true
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined })
  }
}
