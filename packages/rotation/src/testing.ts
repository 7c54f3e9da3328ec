/**
 * The clock that tests drive: time passes when they say so, from deadline to deadline, and chance repeats.
 * @module
 */
import type { Clock, Timer } from './clock.js'
import { DeadlineQueue, type Queued } from './deadline-queue.js'

export interface FakeClockOptions {
  /** Wall-clock time at the start, in milliseconds since the epoch. Default: 2026-01-01T00:00:00Z. */
  readonly wallMs?: number
  /** Seed of {@link FakeClock.random}. Default 1. */
  readonly seed?: number
}

interface FakeTimer extends Queued {
  readonly run: () => void
  readonly order: number
}

export class FakeClock implements Clock {
  readonly #timers = new DeadlineQueue<FakeTimer>()
  #monotonicMs = 0
  #wallMs: number
  #order = 0
  #seed: number

  constructor({ wallMs = Date.UTC(2026, 0, 1), seed = 1 }: FakeClockOptions = {}) {
    this.#wallMs = wallMs
    this.#seed = seed >>> 0
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  wallMs(): number {
    return this.#wallMs
  }

  /** Uniform in [0, 1); the same sequence for the same seed (the generator is mulberry32). */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) >>> 0
    let bits = this.#seed
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296
  }

  schedule(delayMs: number, run: () => void): Timer {
    this.#order += 1
    const timer: FakeTimer = { run, order: this.#order, dueMs: 0, queueIndex: -1 }
    this.#timers.set(timer, this.#monotonicMs + Math.max(0, delayMs))
    return { cancel: () => this.#timers.remove(timer) }
  }

  /** Timers that are set and have not run. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  /**
   * Lets `ms` milliseconds pass on both clocks. Each timer runs at its own time; before the first one, after
   * each one and at the end all promise work that can go on does.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms
    await settle()
    for (let next = this.#timers.first; next !== undefined && next.dueMs <= endMs; next = this.#timers.first) {
      this.#pass(next.dueMs - this.#monotonicMs)
      this.#timers.remove(next)
      next.run()
      await settle()
    }
    this.#pass(endMs - this.#monotonicMs)
  }

  /** Moves the wall clock alone, forward or back: what a set clock does, and what a machine that slept sees. */
  stepWall(ms: number): void {
    this.#wallMs += ms
  }

  /** Both clocks move while nothing runs (a stopped process, a blocked event loop); then all that is late does. */
  async stall(ms: number): Promise<void> {
    this.#pass(ms)
    await this.advance(0)
  }

  #pass(ms: number): void {
    if (ms <= 0) return
    this.#monotonicMs += ms
    this.#wallMs += ms
  }
}

/** Resolves when no promise work is left: an immediate comes after all microtasks, however long their chain. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
