/** Keeps what a channel publishes during one test. */
import type { Channel } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'

export function recorded<T = unknown>(channel: Channel): { readonly events: T[] } {
  const events: T[] = []
  const keep = (event: unknown): void => void events.push(event as T)
  channel.subscribe(keep)
  onTestFinished(() => void channel.unsubscribe(keep))
  return { events }
}
