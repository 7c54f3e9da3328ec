/**
 * Work at an even pace until asked to stop.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Runs `tick` again and again, `everyMs` milliseconds apart, one at a time. A tick that fails is the tick's own
 * affair to count: it does not end the loop.
 */
export async function ticks(everyMs: number, stop: AbortSignal, tick: () => Promise<void>): Promise<void> {
  while (!stop.aborted) {
    await tick()
    await pause(everyMs, undefined, { signal: stop }).catch(() => {})
  }
}
