/**
 * What telemetry listens to, so that it can stop listening.
 * @module
 */
import type { Channel } from 'node:diagnostics_channel'

export class Subscriptions {
  readonly #undo: (() => void)[] = []

  /** @param listen - given what the channel's package says that it publishes */
  on<Event>(channel: Channel, listen: (event: Event) => void): void {
    const listener = (message: unknown): void => listen(message as Event)
    channel.subscribe(listener)
    this.#undo.push(() => channel.unsubscribe(listener))
  }

  /** Calling it again is harmless. */
  close(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }
}
