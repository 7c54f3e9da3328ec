/**
 * The circuit breaker of one server, shared by all rotations that depend on it: after some failures in a row
 * it opens, then lets one probe through at a time until one succeeds.
 * @module
 */
import type { RenewalPolicy } from './policy.js'

/** Someone that an open breaker holds up. */
export interface Waiting {
  wake(): void
}

export type BreakerState = 'closed' | 'open' | 'half-open'

/** Takes the time as an argument and sets no timer; who waits for it is `rotator.ts`. */
export class Breaker {
  readonly #policy: RenewalPolicy
  #failures = 0
  #opensMs = Number.NEGATIVE_INFINITY
  #pauses = 0
  #probing = false
  /** Who could not go on because of this breaker, and is to look again when its state changes. */
  readonly waiting = new Set<Waiting>()

  constructor(policy: RenewalPolicy) {
    this.#policy = policy
  }

  get state(): BreakerState {
    if (this.#failures < this.#policy.breakerThreshold) return 'closed'
    return this.#probing ? 'half-open' : 'open'
  }

  /** From when an attempt may begin; Infinity while a probe is under way, -Infinity when closed. */
  get opensMs(): number {
    if (this.state === 'closed') return Number.NEGATIVE_INFINITY
    return this.#probing ? Number.POSITIVE_INFINITY : this.#opensMs
  }

  /** An attempt begins. @returns whether it is the probe of an open breaker */
  begin(): boolean {
    if (this.state !== 'open') return false
    this.#probing = true
    return true
  }

  /** The server answered, be it with a refusal. */
  answered(): void {
    this.#failures = 0
    this.#pauses = 0
    this.#probing = false
  }

  /** The server did not answer, or said that it cannot work. @param probe - what {@link begin} returned */
  failed(nowMs: number, probe: boolean, draw: number): void {
    this.#failures += 1
    // Attempts that were under way when the breaker opened say nothing new.
    if (this.state === 'closed' || (this.#opensMs > nowMs && !probe)) return
    if (this.#probing && !probe) return
    this.#probing = false
    const pauseMs = Math.min(
      this.#policy.breakerOpenMaxMs,
      this.#policy.breakerOpenMs * 2 ** Math.min(this.#pauses, 30),
    )
    this.#pauses += 1
    this.#opensMs = nowMs + pauseMs * (0.5 + 0.5 * draw)
  }

  /** The probe ended without saying anything about the server: another one may try. */
  ended(): void {
    this.#probing = false
  }
}
