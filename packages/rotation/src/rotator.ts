/**
 * Keeps many rotations fresh with one queue and one timer, and opens and closes them.
 * @module
 */
import { Breaker } from './breaker.js'
import { type Clock, systemClock } from './clock.js'
import { RotationError } from './errors.js'
import { LiveRotation } from './live-rotation.js'
import { type RenewalPolicy, resolvePolicy } from './policy.js'
import type { House } from './record.js'
import type { CloseOptions, Rotation } from './rotation.js'
import { Scheduler, type Sleeper } from './scheduler.js'
import type { Consumer, Source } from './source.js'

export interface RotatorOptions {
  /** Where time and chance come from. Default: those of the process. */
  readonly clock?: Clock
  /** What holds for all rotations that say nothing else; its breaker and spread figures hold for all. */
  readonly policy?: Partial<RenewalPolicy>
}

export interface RotateOptions<T> {
  /** Who uses the value. Without one, a replaced value is revoked after `handOffMs`. */
  readonly consumer?: Consumer<T>
  readonly policy?: Partial<RenewalPolicy>
}

/** What the rotator does to a rotation, whatever its value is. */
interface Kept extends Rotation<unknown>, Sleeper {
  postpone(byMs: number): void
  clockJumped(byMs: number): void
}

/** Time between two starts when many rotations become due together. */
const herdPaceMs = 20

let rotationsOpened = 0

export class Rotator implements AsyncDisposable {
  readonly #clock: Clock
  readonly #policy: RenewalPolicy
  readonly #scheduler: Scheduler
  readonly #house: House
  readonly #breakers = new Map<string, Breaker>()
  readonly #rotations = new Set<Kept>()
  #closing: Promise<void> | undefined

  /** @throws {RangeError | TypeError} when the policy cannot hold; the message names the option */
  constructor({ clock = systemClock, policy }: RotatorOptions = {}) {
    this.#clock = clock
    this.#policy = resolvePolicy(policy)
    this.#scheduler = new Scheduler(clock, {
      late: (due) => this.#spread(due as readonly Kept[], (rotation, byMs) => rotation.postpone(byMs)),
      clockJumped: () => this.#spread([...this.#rotations], (rotation, byMs) => rotation.clockJumped(byMs)),
    })
    this.#house = {
      clock,
      scheduler: this.#scheduler,
      breakerChanged: (breaker) => this.#breakerChanged(breaker),
      closed: (rotation) => this.#rotations.delete(rotation as Kept),
    }
  }

  /** All open rotations, oldest first. */
  get rotations(): ReadonlySet<Rotation<unknown>> {
    return this.#rotations
  }

  /**
   * Starts keeping `source` fresh at once. Never throws for a failing source: failures are events and state.
   * @throws {RangeError | TypeError} when the policy cannot hold
   * @throws {RotationError} `ERR_ROTATION_CLOSED` when the rotator is closed
   */
  rotate<T>(source: Source<T>, { consumer, policy }: RotateOptions<T> = {}): Rotation<T> {
    if (this.#closing !== undefined) throw new RotationError('ERR_ROTATION_CLOSED', 'the rotator is closed')
    rotationsOpened += 1
    const rotation = new LiveRotation<T>({
      id: `r${rotationsOpened}`,
      source,
      consumer,
      policy: resolvePolicy(policy, this.#policy),
      breaker: this.#breakerOf(source.server ?? source.credentialType),
      house: this.#house,
    })
    this.#rotations.add(rotation)
    // After the caller has the rotation in hand: sources and consumers may refer to it.
    queueMicrotask(() => rotation.wake())
    return rotation
  }

  /** Closes all rotations, newest first, within `timeoutMs` (default 10 000) for all. Calling it again is harmless. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close({ revoke = true, timeoutMs = 10_000 }: CloseOptions): Promise<void> {
    this.#scheduler.stop()
    const endMs = this.#clock.monotonicMs() + timeoutMs
    for (const rotation of [...this.#rotations].reverse()) {
      const leftMs = Math.max(0, endMs - this.#clock.monotonicMs())
      // Half of what is left: one that hangs does not take all from those after it.
      await rotation.close({ revoke, timeoutMs: this.#rotations.size > 1 ? leftMs / 2 : leftMs })
    }
  }

  #breakerOf(server: string): Breaker {
    const known = this.#breakers.get(server)
    if (known !== undefined) return known
    const breaker = new Breaker(this.#policy)
    this.#breakers.set(server, breaker)
    return breaker
  }

  #breakerChanged(breaker: Breaker): void {
    const waiting = [...breaker.waiting] as Kept[]
    breaker.waiting.clear()
    if (breaker.state === 'closed') this.#spread(waiting, (rotation, byMs) => rotation.postpone(byMs))
    for (const rotation of waiting) rotation.wake()
  }

  /** The more rotations are due together, the wider they are spread, each at a point of its own. */
  #spread(rotations: readonly Kept[], put: (rotation: Kept, byMs: number) => void): void {
    const windowMs = Math.min(this.#policy.spreadMs, rotations.length * herdPaceMs)
    for (const rotation of rotations) put(rotation, this.#clock.random() * windowMs)
  }
}
