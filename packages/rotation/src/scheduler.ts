/**
 * One ordered queue and one timer for everything that waits; and the watch over the clocks: a timer that
 * runs late (the process was stopped), a wall clock that ran ahead (the machine slept).
 * @module
 */
import type { Clock, Timer } from './clock.js'
import { DeadlineQueue, type Queued } from './deadline-queue.js'

/** What is woken when its time has come. */
export interface Sleeper extends Queued {
  wake(): void
}

export interface SchedulerEvents {
  /** The process stood still: all of these are due at once, and have not been woken. */
  late(due: readonly Sleeper[]): void
  /** The wall clock has run ahead of the monotonic one: this machine has been suspended, or set right. */
  clockJumped(): void
}

/** The timer never sleeps longer, so that a jump of the clocks is noticed within this time. */
const longestSleepMs = 30_000
/** Clocks that drift apart, and timers that are late, by less than this are at work as usual. */
const noticeableMs = 5_000

export class Scheduler {
  readonly #clock: Clock
  readonly #events: SchedulerEvents
  readonly #queue = new DeadlineQueue<Sleeper>()
  #timer: Timer | undefined
  #timerDueMs = Number.POSITIVE_INFINITY
  #wallAheadMs: number
  #stopped = false

  constructor(clock: Clock, events: SchedulerEvents) {
    this.#clock = clock
    this.#events = events
    this.#wallAheadMs = clock.wallMs() - clock.monotonicMs()
  }

  /** Wakes `sleeper` at `dueMs` of the monotonic clock; a later call replaces this one. */
  set(sleeper: Sleeper, dueMs: number): void {
    if (this.#stopped) return
    this.#queue.set(sleeper, dueMs)
    this.#arm()
  }

  remove(sleeper: Sleeper): void {
    this.#queue.remove(sleeper)
    if (this.#queue.size === 0) this.#disarm()
  }

  /** Nobody is woken any more. */
  stop(): void {
    this.#stopped = true
    this.#disarm()
  }

  /** Looks at the clocks; a jump is told at once. */
  watchClocks(): void {
    const wallAheadMs = this.#clock.wallMs() - this.#clock.monotonicMs()
    const jumpMs = wallAheadMs - this.#wallAheadMs
    this.#wallAheadMs = wallAheadMs
    if (jumpMs > noticeableMs) this.#events.clockJumped()
  }

  #arm(): void {
    const nextMs = this.#queue.first?.dueMs
    if (nextMs === undefined || nextMs >= this.#timerDueMs) return
    this.#disarm()
    const nowMs = this.#clock.monotonicMs()
    this.#timerDueMs = Math.min(nextMs, nowMs + longestSleepMs)
    this.#timer = this.#clock.schedule(this.#timerDueMs - nowMs, () => this.#ring())
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerDueMs = Number.POSITIVE_INFINITY
  }

  #ring(): void {
    const nowMs = this.#clock.monotonicMs()
    const lateMs = nowMs - this.#timerDueMs
    this.#disarm()
    this.watchClocks()
    const due = this.#takeDue(nowMs)
    if (lateMs > noticeableMs && due.length > 1) this.#events.late(due)
    for (const sleeper of due) if (!this.#stopped) sleeper.wake()
    this.#arm()
  }

  /** A sleeper that is woken queues itself again. */
  #takeDue(nowMs: number): Sleeper[] {
    const due: Sleeper[] = []
    for (let first = this.#queue.first; first !== undefined && first.dueMs <= nowMs; first = this.#queue.first) {
      this.#queue.remove(first)
      due.push(first)
    }
    return due
  }
}
