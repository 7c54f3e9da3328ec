/**
 * What an application does all the time: queries, transactions that stay open for a while, reads of a secret. Each one
 * is entered with its time and its end.
 */
import type { VaultIntegration } from '@chaveiro/integration'
import { sleep, systemClock } from '@chaveiro/rotation'
import { openMs } from './lives.js'

export type Work = 'query' | 'transaction' | 'read'

export interface Entry {
  readonly work: Work
  readonly fromMs: number
  readonly toMs: number
  /** Absent when it worked. */
  readonly error?: string
}

const pauseMs: Record<Work, number> = { query: 40, transaction: 100, read: 200 }

export class Load {
  readonly entries: Entry[] = []
  readonly #service: VaultIntegration
  readonly #stop = new AbortController()
  readonly #loops: Promise<unknown>

  constructor(service: VaultIntegration) {
    this.#service = service
    this.#loops = Promise.all([
      this.#repeat('query', () => service.pool.query('SELECT count(*) FROM ticks')),
      this.#repeat('transaction', () => this.#transact()),
      this.#repeat('read', () => service.secrets.read('orchestrator/kafka')),
    ])
  }

  now(): number {
    return systemClock.monotonicMs()
  }

  /** What began at or after a moment. */
  since(fromMs: number): Entry[] {
    return this.entries.filter((entry) => entry.fromMs >= fromMs)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#loops
  }

  async #repeat(work: Work, act: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const fromMs = this.now()
      const error = await act().then(
        () => undefined,
        (reason: unknown) => nameOf(reason),
      )
      this.entries.push({ work, fromMs, toMs: this.now(), ...(error !== undefined && { error }) })
      await sleep(systemClock, pauseMs[work], signal).catch(() => undefined)
    }
  }

  async #transact(): Promise<void> {
    const client = await this.#service.pool.connect()
    try {
      await client.query('BEGIN')
      await client.query('INSERT INTO ticks DEFAULT VALUES')
      await sleep(systemClock, openMs)
      await client.query('INSERT INTO ticks DEFAULT VALUES')
      await client.query('COMMIT')
      client.release()
    } catch (error) {
      client.release(true)
      throw error
    }
  }
}

function nameOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  return code ?? String(error)
}
