/**
 * Publishes what became of calls, on the channels of this package.
 * @module
 */
import type { Clock } from '@chaveiro/rotation'
import {
  type ProfileUnavailable,
  profileUnavailable,
  type SvidFetch,
  type SvidFetchFailed,
  type SvidType,
  svidFetch,
  svidFetchFailed,
  type TrustBundleUpdateFailed,
  trustBundleUpdateFailed,
} from '../channels.js'
import { WorkloadApiError } from './errors.js'
import type { AfterFailure, WatchListener } from './watch.js'

/** Makes one call for SVIDs, and tells of its result and how long it took. */
export async function told<T>(svidType: SvidType, clock: Clock, call: () => Promise<T>): Promise<T> {
  const startMs = clock.monotonicMs()
  const took = (status: SvidFetch['status']): void =>
    svidFetch.publish({
      svidType,
      status,
      durationSeconds: (clock.monotonicMs() - startMs) / 1000,
    } satisfies SvidFetch)
  try {
    const value = await call()
    took('success')
    return value
  } catch (error) {
    // The caller's own signal is no failure of the agent's.
    if (!(error instanceof WorkloadApiError)) throw error
    took('error')
    svidFetchFailed.publish({ svidType, ...trouble(error) } satisfies SvidFetchFailed)
    if (error.code === 'ERR_WORKLOAD_API_UNIMPLEMENTED') tellUnavailable(svidType, error)
    throw error
  }
}

/** A listener that also tells what it is told. */
export function toldListener<T>(what: 'svid' | 'bundle', type: SvidType, listener: WatchListener<T>): WatchListener<T> {
  return {
    update(value, durationMs) {
      if (what === 'svid') {
        const durationSeconds = durationMs === undefined ? undefined : durationMs / 1000
        svidFetch.publish({ svidType: type, status: 'success', durationSeconds } satisfies SvidFetch)
      }
      listener.update(value, durationMs)
    },
    failure(error, next) {
      if (!isOrdinaryEnd(error, next)) tellFailure(what, type, error, next)
      listener.failure?.(error, next)
    },
  }
}

/** A stream that ends cleanly and is opened again at once is no failure. */
const isOrdinaryEnd = (error: WorkloadApiError, next: AfterFailure): boolean =>
  error.grpcStatus === 'OK' && next.retryInMs === 0

function tellFailure(what: 'svid' | 'bundle', type: SvidType, error: WorkloadApiError, next: AfterFailure): void {
  if (error.code === 'ERR_WORKLOAD_API_UNIMPLEMENTED') tellUnavailable(type, error)
  if (what === 'bundle') {
    trustBundleUpdateFailed.publish({ bundleType: type, ...trouble(error, next) } satisfies TrustBundleUpdateFailed)
    return
  }
  svidFetch.publish({ svidType: type, status: 'error' } satisfies SvidFetch)
  svidFetchFailed.publish({ svidType: type, ...trouble(error, next) } satisfies SvidFetchFailed)
}

function tellUnavailable(profile: SvidType, error: WorkloadApiError): void {
  profileUnavailable.publish({ profile, reason: error.message } satisfies ProfileUnavailable)
}

function trouble(error: WorkloadApiError, next?: AfterFailure): Omit<SvidFetchFailed, 'svidType'> {
  const { code, message, cure, field } = error
  const retryInSeconds = next?.retryInMs === undefined ? undefined : next.retryInMs / 1000
  return { code, reason: message, cure, field, retryInSeconds }
}
