/**
 * One `pg.Pool` for the whole life of an application, with credentials that are replaced beneath it.
 * @module
 */
import { type Clock, type Consumer, type Handover, systemClock } from '@chaveiro/rotation'
import pg from 'pg'
import {
  type AuthenticationFailed,
  authenticationFailed,
  type ConnectionLost,
  connectionLost,
  type PoolDrained,
  type PoolDrainForced,
  type PoolSwapped,
  poolDrained,
  poolDrainForced,
  poolSwapped,
} from './channels.js'
import { clientOf } from './client.js'
import type { PgCredential } from './credential.js'
import { PostgresError, sqlStateOf } from './errors.js'
import { Generations } from './generations.js'
import { probeCredential } from './probe.js'

/** Options of `pg.Pool` that a rotating pool decides itself. */
type Decided = 'user' | 'password' | 'connectionString' | 'Client' | 'Promise'

/** `pg.Pool`'s options, with a source of credentials in place of a user and a password. */
export interface RotatingPoolOptions extends Omit<pg.PoolConfig, Decided> {
  /** Asked for the credential of each new connection. What it throws is the cause of ERR_POSTGRES_NO_CREDENTIAL. */
  credentials: () => PgCredential
  /**
   * Called when PostgreSQL refuses the credential of a new connection (SQLSTATE 28P01, 28000): obtain another one.
   * The connection is then tried once more, as soon as this resolves or another credential is adopted. One call
   * serves all connections that fail meanwhile. Default: the refusal is final.
   */
  onAuthenticationFailure?: () => Promise<void>
  /** Where time comes from. Default: the clocks of this process. */
  clock?: Clock
}

type ConnectCallback = Parameters<pg.Pool['connect']>[0]

/** How long a connection may take to say goodbye when the pool ends, in milliseconds; then it is cut. */
const farewellMs = 5000
const refusals = new Set(['28P01', '28000'])

/**
 * A `pg.Pool` (same methods, overloads, events and counts) whose credentials change while it is used.
 *
 * New connections take the credential that is current. When the next one is adopted through {@link consumer},
 * idle connections of the previous one are closed at once; those in use, transactions and LISTEN sessions among
 * them, finish where they are and are closed when they are released. A lost idle connection is an event and
 * not a crash.
 */
export class RotatingPool extends pg.Pool implements AsyncDisposable {
  /** Give it to the rotation of the credential: `rotator.rotate(source, { consumer: pool.consumer })`. */
  readonly consumer: Consumer<PgCredential>
  readonly #generations: Generations
  readonly #onAuthenticationFailure: (() => Promise<void>) | undefined
  readonly #clock: Clock
  readonly #database: string | undefined
  #refreshing: Promise<void> | undefined
  #unsettled = 0
  #onSettled: (() => void) | undefined
  #ended: Promise<void> | undefined

  /** @throws {PostgresError} ERR_POSTGRES_BAD_OPTION for an option that names a fixed user or password */
  constructor({ credentials, onAuthenticationFailure, clock = systemClock, ...config }: RotatingPoolOptions) {
    refuseFixedCredentials(config)
    const generations = new Generations(credentials)
    super({ ...config, Client: clientOf(generations) })
    this.#generations = generations
    this.#onAuthenticationFailure = onAuthenticationFailure
    this.#clock = clock
    this.#database = config.database
    this.consumer = {
      probe: (next, { signal }) => probeCredential(config, next, signal),
      adopt: (next, handover) => this.#adopt(next, handover),
    }
    generations.onBegin(() => this.#swapped())
    this.on('connect', (client) => this.#watch(client))
    this.on('release', (_error, client) => this.#released(client))
    // Without a listener the loss of an idle connection would end the process; `#watch` tells of it.
    this.on('error', () => undefined)
  }

  /**
   * Checks a connection out. One made with an earlier credential is never given to new work.
   * @throws {PostgresError} ERR_POSTGRES_NO_CREDENTIAL, ERR_POSTGRES_POOL_ENDED; else what `pg` throws
   */
  override connect(): Promise<pg.PoolClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    if (callback) {
      this.#connect(callback)
      return undefined
    }
    return new Promise((resolve, reject) => {
      this.#connect((error, client) => (client ? resolve(client) : reject(error)))
    })
  }

  /** Serves who already waits, closes every connection as it is released, and resolves when all are gone. */
  override end(): Promise<void>
  override end(callback: () => void): void
  override end(callback?: () => void): Promise<void> | undefined {
    this.#ended ??= this.#end()
    if (!callback) return this.#ended
    this.#ended.then(callback, callback)
    return undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end()
  }

  #connect(callback: ConnectCallback): void {
    if (this.#ended) {
      process.nextTick(callback, poolEnded(), undefined, () => undefined)
      return
    }
    this.#unsettled += 1
    this.#checkOut(true, (error, client, done) => {
      this.#unsettled -= 1
      if (this.#unsettled === 0) this.#onSettled?.()
      callback(error, client, done)
    })
  }

  #checkOut(mayRefresh: boolean, callback: ConnectCallback): void {
    let generation = this.#generations.latest
    super.connect((error, client, done) => {
      if (client && this.#generations.isRetired(client)) {
        // Connected, or idle, across a swap: it has run nothing for this caller.
        done(true)
        this.#checkOut(mayRefresh, callback)
      } else if (client) {
        this.#generations.setInUse(client, true)
        callback(undefined, client, done)
      } else if (this.#generations.latest !== generation) {
        // Refused, or cut, with a credential that is no longer in use: nothing has run.
        this.#checkOut(mayRefresh, callback)
      } else if (mayRefresh && refusals.has(sqlStateOf(error) ?? '')) {
        this.#refresh(error as Error).then(
          () => this.#checkOut(false, callback),
          () => callback(error, undefined, done),
        )
      } else callback(error, undefined, done)
    })
    // Making the connection may have brought a credential into use.
    generation = this.#generations.latest
  }

  #released(client: pg.PoolClient): void {
    this.#generations.setInUse(client, false)
    // It is idle once this event is over, unless it is given to somebody who waits; `#checkOut` sees to that.
    if (this.#generations.isRetired(client)) process.nextTick(() => this.#closeIdle())
  }

  #watch(client: pg.PoolClient): void {
    client.once('error', (error) => {
      if (error instanceof PostgresError) return
      const inUse = this.#generations.isInUse(client)
      const event: ConnectionLost = { database: this.#database, inUse, sqlState: sqlStateOf(error) }
      connectionLost.publish(event)
    })
    // One loss may be told twice: as the server's message, and as the end of the connection.
    client.on('error', () => undefined)
  }

  #swapped(): void {
    const { latest: generation, username } = this.#generations
    if (generation === 1) return
    const connectionsToDrain = this.#generations.countBefore(generation)
    const event: PoolSwapped = { database: this.#database, generation, username, connectionsToDrain }
    poolSwapped.publish(event)
    process.nextTick(() => this.#closeIdle())
  }

  /** Checks every idle connection out, closes the retired ones and puts the others back. */
  #closeIdle(): void {
    for (let idle = this.idleCount; idle > 0; idle -= 1) {
      super.connect((_error, client, done) => done(client && this.#generations.isRetired(client) ? true : undefined))
    }
  }

  async #adopt(next: PgCredential, { signal }: Handover<PgCredential>): Promise<void> {
    const startedMs = this.#clock.monotonicMs()
    const before = this.#generations.latest
    const { generation, release } = this.#generations.handOver(next)
    const isSwap = before > 0 && (before < generation || this.#generations.countBefore(generation) > 0)
    let sessionsEnded = 0
    // Idle connections are closed in this turn of the event loop; what is left after it is in use.
    const force = (): unknown =>
      setImmediate(() => {
        sessionsEnded = this.#cutBefore(generation)
      })
    if (signal.aborted) force()
    signal.addEventListener('abort', force, { once: true })
    await this.#generations.drained(generation)
    signal.removeEventListener('abort', force)
    release()
    if (!isSwap) return
    const durationSeconds = (this.#clock.monotonicMs() - startedMs) / 1000
    const event: PoolDrained = { database: this.#database, generation, durationSeconds, sessionsEnded }
    poolDrained.publish(event)
  }

  #cutBefore(generation: number): number {
    const sessionsEnded = this.#generations.cutBefore(generation)
    const event: PoolDrainForced = { database: this.#database, generation, sessionsEnded }
    if (sessionsEnded > 0) poolDrainForced.publish(event)
    return sessionsEnded
  }

  /** Obtains another credential, once for all connections that were refused. Rejects when that is impossible. */
  #refresh(refusal: Error): Promise<void> {
    const { username } = this.#generations
    const event: AuthenticationFailed = { database: this.#database, username, sqlState: sqlStateOf(refusal) ?? '' }
    authenticationFailed.publish(event)
    const ask = this.#onAuthenticationFailure
    if (!ask) return Promise.reject(refusal)
    this.#refreshing ??= this.#askOrSwap(ask).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** A swap is enough: whoever obtains a credential may wait until the old one is drained, perhaps by our caller. */
  async #askOrSwap(ask: () => Promise<void>): Promise<void> {
    let stop = (): unknown => undefined
    const swapped = new Promise<void>((resolve) => {
      stop = this.#generations.onBegin(resolve)
    })
    try {
      await Promise.race([ask(), swapped])
    } finally {
      stop()
    }
  }

  async #end(): Promise<void> {
    // An ended pool never settles the checkouts that wait in its queue, so it is ended when there are none.
    if (this.#unsettled > 0) {
      await new Promise<void>((resolve) => {
        this.#onSettled = resolve
      })
    }
    await super.end()
    const farewell = this.#clock.schedule(farewellMs, () => this.#generations.cutBefore(Number.POSITIVE_INFINITY))
    await this.#generations.drained(Number.POSITIVE_INFINITY)
    farewell.cancel()
  }
}

function refuseFixedCredentials(config: pg.PoolConfig): void {
  for (const option of ['user', 'password', 'connectionString', 'Client'] as const) {
    if (config[option] === undefined) continue
    throw new PostgresError('ERR_POSTGRES_BAD_OPTION', `the option ${option} contradicts credentials that rotate`, {
      cure: 'Give host, port, database and ssl one by one, and the user and its password by `credentials`.',
    })
  }
}

function poolEnded(): PostgresError {
  return new PostgresError('ERR_POSTGRES_POOL_ENDED', 'Cannot use a pool after calling end on the pool', {
    cure: 'Stop the work that uses the database before the pool is closed.',
  })
}
