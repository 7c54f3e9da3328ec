/**
 * When a sample service ends: on SIGTERM or SIGINT, or when the process that started it is gone.
 * @module
 */

/** Aborts when this process is to end. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  const end = (): void => {
    stop.abort()
    // An open standard input would keep this process from ending.
    process.stdin.destroy()
  }
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  if (process.env.SAMPLE_TETHERED === 'true') {
    // Standard input is held open by the starter; its end means that nobody is left to close this process.
    process.stdin.once('end', end).once('error', end).resume()
  }
  return stop.signal
}

/** Resolves when `stop` aborts. */
export function stopped(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve()
    stop.addEventListener('abort', () => resolve(), { once: true })
  })
}
