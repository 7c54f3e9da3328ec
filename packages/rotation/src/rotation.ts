/**
 * One credential that is kept fresh, as its users see it.
 * @module
 */
import type { RotationCause } from './state.js'

export interface CloseOptions {
  /** Whether what is held is revoked. Default true; false leaves the values to live to their end. */
  readonly revoke?: boolean
  /** Longest wait for drains and revocations, in milliseconds; 0 or more. Default 10 000. */
  readonly timeoutMs?: number
}

/** Plain data about a rotation: no value, no secret. */
export interface RotationSnapshot {
  readonly id: string
  readonly credentialType: string
  readonly name: string
  readonly state: 'starting' | 'live' | 'renewing' | 'replacing' | 'draining' | 'expired' | 'closed'
  /** Granted TTL; 0 never ends, undefined when nothing was granted yet. */
  readonly ttlSeconds: number | undefined
  /** At the time of the call, never below 0; undefined when there is nothing or it never ends. */
  readonly remainingSeconds: number | undefined
  /** Undefined while an attempt is under way, or when none will follow by itself. */
  readonly nextAttemptInSeconds: number | undefined
  /** Past `renewBefore` of the TTL without a fresh grant. */
  readonly overdue: boolean
  readonly consecutiveFailures: number
  readonly lastSuccessWallMs: number | undefined
  /** Largest share of a TTL at which a first attempt that succeeded began. */
  readonly latestFirstAttemptShare: number | undefined
  readonly renewals: number
  readonly replacements: number
  readonly failures: number
}

export interface Rotation<T> extends AsyncDisposable {
  /** Unique in the process. */
  readonly id: string
  readonly credentialType: string
  readonly name: string
  /**
   * The live value; never one that has ended.
   * @throws {RotationError} `ERR_ROTATION_NOT_READY`, `ERR_ROTATION_EXPIRED` (cause: the last failure) or
   *   `ERR_ROTATION_CLOSED`
   */
  current(): T
  /**
   * The first live value, or the next one when the last has ended.
   * @throws {RotationError} `ERR_ROTATION_NOT_READY` when `signal` aborts first (cause: the last failure),
   *   `ERR_ROTATION_CLOSED` when the rotation closes
   */
  ready(signal?: AbortSignal): Promise<T>
  /**
   * Each value when it is adopted, first the live one if there is one; ends when the rotation closes. A slow
   * reader is given the newest only, since older ones are revoked.
   */
  changes(): AsyncIterableIterator<T>
  /**
   * Renews now, or replaces what cannot be renewed. Joins an attempt under way. `request` and `parent` overrule
   * back-off, breaker and floor; other causes wait for them.
   * @throws the failure of the attempt, or {@link RotationError} `ERR_ROTATION_CLOSED`
   */
  renewNow(cause: RotationCause): Promise<void>
  /**
   * Obtains a new value, swaps, drains, revokes the old one; resolves when the old one is drained (without a
   * consumer: when the new one is in use). Joins a replacement under way, except for `parent`: what was asked
   * for under the old parent is given up and asked for again.
   * @param options.deadline - when it aborts and the replacement still waits for an earlier value to be drained,
   *   that drain is ended: what is in use would not outlive the wait
   * @throws the failure of the attempt, or {@link RotationError} `ERR_ROTATION_CLOSED`
   */
  replaceNow(cause: RotationCause, options?: { readonly deadline?: AbortSignal }): Promise<void>
  snapshot(): RotationSnapshot
  /**
   * Ends attempts under way, drains and revokes what is held, within `timeoutMs`. A value that arrives later
   * is revoked on arrival. Calling it again is harmless. Never rejects: what could not be revoked is an event.
   */
  close(options?: CloseOptions): Promise<void>
}
