/**
 * Keeps a process running while it waits for something that does not: a timer of the engine, a signal.
 * @module
 */
import { MessageChannel } from 'node:worker_threads'

/** @returns what lets the process end again; calling it again is harmless */
export function keepAlive(): () => void {
  const { port1 } = new MessageChannel()
  port1.on('message', () => undefined)
  return () => port1.close()
}
