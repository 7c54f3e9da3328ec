/** What was published on a channel while a test ran. */
import type { Channel } from 'node:diagnostics_channel'

export class Events<T> implements Disposable {
  readonly seen: T[] = []
  readonly #channel: Channel
  readonly #record = (message: unknown): void => {
    this.seen.push(message as T)
  }

  constructor(channel: Channel) {
    this.#channel = channel
    channel.subscribe(this.#record)
  }

  get last(): T | undefined {
    return this.seen.at(-1)
  }

  [Symbol.dispose](): void {
    this.#channel.unsubscribe(this.#record)
  }
}
