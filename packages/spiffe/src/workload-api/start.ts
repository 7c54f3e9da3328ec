/**
 * How a source starts: it waits for its first usable message, through all that goes away by itself (the agent is
 * starting, the entry has not arrived yet), but not for ever, and says what it waited for in vain.
 * @module
 */
import type { Clock } from '@chaveiro/rotation'
import { WorkloadApiError } from './errors.js'
import type { AfterFailure, Watch } from './watch.js'

export interface StartOptions {
  /** What is waited for, for the message. */
  what: string
  /** Where it is waited for. */
  endpoint: string
  /** Bound in milliseconds. */
  timeoutMs: number
  clock: Clock
  /** Gives up the start; has no say in what was started. */
  signal?: AbortSignal | undefined
}

/** Told by the source that starts. */
export interface Start {
  ready(): void
  failed(error: WorkloadApiError, next: AfterFailure): void
}

/**
 * @param begin - starts the watch
 * @returns the watch, once it has brought something usable; after a failure it is closed
 * @throws {WorkloadApiError} with the code of the last failure, or `ERR_WORKLOAD_API_DEADLINE`; or the signal's reason
 */
export async function waitForStart(options: StartOptions, begin: (start: Start) => Watch): Promise<Watch> {
  const { clock, timeoutMs, signal } = options
  signal?.throwIfAborted()
  let last: WorkloadApiError | undefined
  let watch: Watch | undefined
  let release = (): void => undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => reject(startError(options, last))
      const deadline = clock.schedule(timeoutMs, giveUp)
      const onAbort = (): void => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort)
      release = () => {
        deadline.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const failed: Start['failed'] = (error, { ended }) => {
        last = error
        if (ended) giveUp()
      }
      watch = begin({ ready: resolve, failed })
      void watch.done.then(giveUp)
    })
    return watch as unknown as Watch
  } catch (error) {
    await watch?.close()
    throw error
  } finally {
    release()
  }
}

function startError({ what, endpoint, timeoutMs }: StartOptions, last: WorkloadApiError | undefined): WorkloadApiError {
  if (last) {
    return new WorkloadApiError(last.code, `no ${what} could be had: ${last.message}`, {
      cure: last.cure,
      cause: last,
      ...(last.grpcStatus && { grpcStatus: last.grpcStatus }),
    })
  }
  const message = `no ${what} from the Workload API at ${endpoint} within ${timeoutMs} ms`
  return new WorkloadApiError('ERR_WORKLOAD_API_DEADLINE', message, {
    cure: 'Look at the health and the load of the SPIFFE agent on this machine.',
  })
}
