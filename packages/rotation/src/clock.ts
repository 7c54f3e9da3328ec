/**
 * Time and chance, as everything in Chaveiro receives them. This is the one file that reads the process's
 * clocks, sets its timers and draws its random numbers; `testing.ts` has the clock that tests drive.
 * @module
 */

/** A timer that has been set. Cancelling it again, or after it ran, is harmless. */
export interface Timer {
  cancel(): void
}

/** Where time and chance come from. */
export interface Clock {
  /** Monotonic time in milliseconds. Only differences mean something; wall-clock steps do not move it. */
  monotonicMs(): number
  /** Wall-clock time in milliseconds since the Unix epoch, for what is absolute: `notAfter`, `exp`. */
  wallMs(): number
  /**
   * Runs `run` once, `delayMs` milliseconds from now (0 or less: in a later turn). Any length is honoured.
   * @param holdsProcess - whether the process stays alive for it. Default false: a pending renewal alone must
   *   not keep a finished process running
   */
  schedule(delayMs: number, run: () => void, holdsProcess?: boolean): Timer
  /** Uniform in [0, 1). For jitter only, never for keys. */
  random(): number
}

/** Node fires a timer above 2^31-1 ms at once; longer waits are walked in steps of at most this (24 days). */
const longestStepMs = 24 * 24 * 3600 * 1000

function scheduleInSteps(delayMs: number, run: () => void, holdsProcess = false): Timer {
  const dueMs = performance.now() + delayMs
  let handle: NodeJS.Timeout
  const arm = (): void => {
    const leftMs = dueMs - performance.now()
    handle = setTimeout(leftMs > longestStepMs ? arm : run, Math.min(Math.max(leftMs, 0), longestStepMs))
    if (!holdsProcess) handle.unref()
  }
  arm()
  return { cancel: () => clearTimeout(handle) }
}

/** The clocks of this process. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: scheduleInSteps,
  random: () => Math.random(),
}

/**
 * Resolves after `delayMs` milliseconds of `clock`. Whoever sleeps is awaited: the process stays alive.
 * @throws the signal's reason, when it aborts first
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = clock.schedule(
      delayMs,
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      true,
    )
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
