/**
 * A rotation at work: its pure state, and what cannot be pure beside it. Idle, it is this record and nothing
 * more: what belongs to an attempt, a hand-over, a revocation or a waiting caller exists while it lasts.
 * @module
 */
import type { Adoptions } from './adoptions.js'
import type { Breaker } from './breaker.js'
import type { Clock } from './clock.js'
import { RotationError } from './errors.js'
import { Flight } from './flight.js'
import type { Holding } from './lifetime.js'
import type { RenewalPolicy } from './policy.js'
import type { Requests } from './requests.js'
import type { Rotation } from './rotation.js'
import type { Scheduler, Sleeper } from './scheduler.js'
import type { Consumer, Source } from './source.js'
import { type AttemptFailure, initialState, type RotationState } from './state.js'
import { freshTally, type Tally } from './tally.js'

/** What a rotation shares with all others of its rotator. */
export interface House {
  readonly clock: Clock
  readonly scheduler: Scheduler
  /** The breaker has changed its state: those who waited for it look again. */
  breakerChanged(breaker: Breaker): void
  closed(rotation: Rotation<unknown>): void
}

export interface RotationParts<T> {
  readonly id: string
  readonly source: Source<T>
  readonly consumer: Consumer<T> | undefined
  readonly policy: RenewalPolicy
  readonly breaker: Breaker
  readonly house: House
}

/** The attempt in flight: those parts of it that are not plain state. */
export interface Underway<T> {
  readonly flight: Flight
  /** It probes an open breaker. */
  readonly probes: boolean
  step: AttemptFailure['step']
  /** Obtained, but not in use yet. */
  issued?: Holding<T>
}

export interface Handing {
  readonly controller: AbortController
  /** Resolves when the consumer has ended, in whatever way. */
  settled: Promise<void>
}

export interface Revoking {
  readonly flight: Flight
  readonly probes: boolean
}

export abstract class RotationRecord<T> implements Sleeper {
  readonly id: string
  readonly source: Source<T>
  readonly consumer: Consumer<T> | undefined
  readonly policy: RenewalPolicy
  readonly breaker: Breaker
  readonly house: House
  dueMs = Number.POSITIVE_INFINITY
  queueIndex = -1
  state: RotationState<T> = initialState()
  tally: Tally = freshTally
  lastFailure: unknown
  underway: Underway<T> | undefined
  handing: Handing | undefined
  revoking: Map<Holding<T>, Revoking> | undefined
  adoptions: Adoptions<T> | undefined
  requests: Requests | undefined
  /** What becomes of a value that arrives after the end. */
  arrivesLate: ((holding: Holding<T>) => void) | undefined
  #calls = 0

  constructor({ id, source, consumer, policy, breaker, house }: RotationParts<T>) {
    this.id = id
    this.source = source
    this.consumer = consumer
    this.policy = policy
    this.breaker = breaker
    this.house = house
  }

  /** Looks at what is due, and does it; then sleeps until something else is. */
  abstract wake(): void

  get credentialType(): string {
    return this.source.credentialType
  }

  get name(): string {
    return this.source.name
  }

  nowMs(): number {
    return this.house.clock.monotonicMs()
  }

  draw(): number {
    return this.house.clock.random()
  }

  newFlight(): Flight {
    this.#calls += 1
    return new Flight(`${this.id}.${this.#calls}`, this.nowMs())
  }

  timeout(what: string): RotationError {
    return new RotationError('ERR_ROTATION_TIMEOUT', `${this.credentialType} ${this.name}: ${what}`)
  }
}
