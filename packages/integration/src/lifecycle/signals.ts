/**
 * Ends a service in order when it is told to end, and at once when it is told twice.
 * @module
 */
import { keepAlive } from './keep-alive.js'

/** What of the process is used, so that a test can stand in for it. */
export interface SignalledProcess {
  on(signal: NodeJS.Signals, listener: () => void): unknown
  removeListener(signal: NodeJS.Signals, listener: () => void): unknown
  exit(code: number): void
}

export interface RunUntilSignalOptions {
  /** Default SIGINT and SIGTERM. */
  readonly signals?: readonly NodeJS.Signals[]
  /** Called when the first signal has come, before `close`: stop taking work here. */
  readonly onSignal?: (signal: NodeJS.Signals) => Promise<void> | void
  /** Default: this process. */
  readonly process?: SignalledProcess
}

/** 128 + the number of the signal, as shells count. */
const exitCodes: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/**
 * Keeps the process running until it is told to end, then closes. A second signal ends the process at once.
 * @returns the signal that came
 */
export async function runUntilSignal(
  closable: { close(reason?: string): Promise<void> },
  { signals = ['SIGINT', 'SIGTERM'], onSignal, process: signalled = process }: RunUntilSignalOptions = {},
): Promise<NodeJS.Signals> {
  // Neither a handler of a signal nor a renewal that is due keeps a process running.
  const letEnd = keepAlive()
  const handlers = new Map<NodeJS.Signals, () => void>()
  try {
    let told = false
    const signal = await new Promise<NodeJS.Signals>((resolve) => {
      for (const name of signals) {
        const handler = (): void => {
          if (told) signalled.exit(exitCodes[name] ?? 1)
          told = true
          resolve(name)
        }
        handlers.set(name, handler)
        signalled.on(name, handler)
      }
    })
    await onSignal?.(signal)
    await closable.close(signal)
    return signal
  } finally {
    for (const [name, handler] of handlers) signalled.removeListener(name, handler)
    letEnd()
  }
}
