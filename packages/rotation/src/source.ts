/**
 * The one interface for all that expires: where a value comes from, and who uses it.
 * A Vault token, a database credential, a certificate, a cached JWT-SVID are each a {@link Source}.
 * @module
 */

/** What a source was given: a value and how long it lives. */
export interface Grant<T> {
  readonly value: T
  /** Granted TTL in seconds; 0 means that the value never ends. */
  readonly ttlSeconds: number
  /** Whether {@link Source.renew} can prolong this value. */
  readonly renewable: boolean
  /**
   * Monotonic milliseconds at which the TTL began. Default: when the engine called `issue`, which is before
   * the request was sent and so never later than the server's own count.
   */
  readonly countsFromMs?: number
}

/** What a renewal brought. */
export interface Renewal {
  /** Seconds granted from now; 0 means that the value no longer ends. */
  readonly ttlSeconds: number
  readonly renewable: boolean
}

/** What accompanies each call to a source. */
export interface Attempt {
  /** Aborts when the attempt has used up its time, or when the rotation is closed. */
  readonly signal: AbortSignal
  /** Binds the events and log lines of one attempt together. Not a secret. */
  readonly correlationId: string
}

/** A renewal also says what to ask for. */
export interface RenewAttempt extends Attempt {
  /** The TTL to ask for, in seconds: the one that was first granted. */
  readonly incrementSeconds: number
}

/**
 * What a failure of a source means for the value it had given.
 * - `gone`: the server no longer knows the value (lease lost, revoked): replace it now.
 * - `unavailable`: the server or what is behind it is away: keep the value, back off.
 * - `unauthorized`: what authorises the call has ended: ask `reauthorize`, then replace.
 * - `refused`: the server answered and said no (policy, unknown role, bad input): back off at the slowest pace.
 */
export type FailureKind = 'gone' | 'unavailable' | 'unauthorized' | 'refused'

/** A failure, read. */
export interface Failure {
  readonly kind: FailureKind
  /** How long the server asked us to stay away, in milliseconds (`Retry-After`). */
  readonly retryAfterMs?: number
  /**
   * The request may have been carried out although its answer did not arrive (reset, time-out after sending).
   * Such an `issue` is counted as a new credential by the floor rate. Default false; an attempt that the
   * engine itself gave up is always counted.
   */
  readonly lost?: boolean
}

/** Where one expiring value comes from. */
export interface Source<T> {
  /** Closed set of the product: `token`, `database`, `jwt_svid`, `x509_svid`, `pki`, `kv`; a metric label. */
  readonly credentialType: string
  /** Names this credential to people, for instance a role. Never a secret, never a metric label. */
  readonly name: string
  /**
   * Sources that share this key share a circuit breaker. What fails apart has a key of its own: each database
   * behind one Vault, say, beside Vault itself. Default: {@link credentialType}.
   */
  readonly server?: string
  issue(attempt: Attempt): Promise<Grant<T>>
  renew?(value: T, attempt: RenewAttempt): Promise<Renewal>
  revoke?(value: T, attempt: Attempt): Promise<void>
  /** Reads a rejection of `issue`, `renew` or `revoke`. Default: everything is `unavailable`. */
  classify?(error: unknown): Failure
  /**
   * Restores what authorises the calls (a login) after an `unauthorized` failure; the value is replaced next.
   * Resolves when a new attempt makes sense. One rotation calls it once at a time; sources that share a login
   * make it single-flight among themselves. `replaceNow('parent')` on the rotation stands in for its answer.
   */
  reauthorize?(attempt: Attempt): Promise<void>
}

/** What accompanies the hand-over from one value to the next. */
export interface Handover<T> {
  /** The value that is being replaced; absent at the first adoption. */
  readonly previous?: T
  /** Aborts when the previous value has no life left to drain in, or when the rotation closes. */
  readonly signal: AbortSignal
}

/** Who uses a value: a pool, a file, a TLS context, the leases made with a token. */
export interface Consumer<T> {
  /** Tries the next value for real before anyone depends on it. A rejection keeps the previous value in use. */
  probe?(next: T, attempt: Attempt): Promise<void>
  /**
   * Uses `next` for all new work from the moment it is called, and resolves when nothing uses the previous
   * value any more. Only then is the previous value revoked.
   */
  adopt(next: T, handover: Handover<T>): Promise<void>
}
