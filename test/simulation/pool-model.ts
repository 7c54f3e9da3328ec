/**
 * A pool of database connections as a consumer of credentials: it probes, swaps, and waits for what is still open.
 */
import type { Attempt, Clock, Consumer, Handover } from '@chaveiro/rotation'
import { sleep } from '@chaveiro/rotation'
import type { DatabaseCredential } from '@chaveiro/vault'

/** The database, as the pool reaches it. */
export interface DatabaseModel {
  readonly isDown: () => boolean
  readonly admits: (username: string) => boolean
}

/** A transaction that the pool cut, and the user it ran as. */
export interface Cut {
  readonly username: string
  readonly atMs: number
}

interface Open {
  readonly username: string
  readonly end: () => void
}

export class PoolModel implements Consumer<DatabaseCredential> {
  readonly cuts: Cut[] = []
  /** Users that were ever in use, and since when. */
  readonly adopted = new Map<string, number>()
  readonly #clock: Clock
  readonly #database: DatabaseModel
  readonly #open = new Set<Open>()
  #onEnd = new Set<() => void>()

  constructor(clock: Clock, database: DatabaseModel) {
    this.#clock = clock
    this.#database = database
  }

  isInUse(username: string): boolean {
    return [...this.#open].some((open) => open.username === username)
  }

  async probe({ username }: DatabaseCredential, { signal }: Attempt): Promise<void> {
    signal.throwIfAborted()
    if (this.#database.isDown()) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    if (!this.#database.admits(username)) throw Object.assign(new Error('no such user'), { code: '28P01' })
  }

  async adopt({ username }: DatabaseCredential, { signal }: Handover<DatabaseCredential>): Promise<void> {
    this.adopted.set(username, this.#clock.monotonicMs())
    const cut = (): void => this.#cutAllBut(username)
    if (signal.aborted) cut()
    signal.addEventListener('abort', cut, { once: true })
    while ([...this.#open].some((open) => open.username !== username)) {
      await new Promise<void>((resolve) => this.#onEnd.add(resolve))
    }
    signal.removeEventListener('abort', cut)
  }

  /** Holds a transaction open; resolves when it has ended, by itself or by a cut. */
  async transact(username: string, seconds: number): Promise<void> {
    const ended = new AbortController()
    const open: Open = { username, end: () => ended.abort() }
    this.#open.add(open)
    await sleep(this.#clock, seconds * 1000, ended.signal).catch(() => undefined)
    this.#open.delete(open)
    const listeners = this.#onEnd
    this.#onEnd = new Set()
    for (const tell of listeners) tell()
  }

  #cutAllBut(username: string): void {
    for (const open of this.#open) {
      if (open.username === username) continue
      this.cuts.push({ username: open.username, atMs: this.#clock.monotonicMs() })
      open.end()
    }
  }
}
