import type { Channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { inspect } from 'node:util'
import { PostgresServer } from '@chaveiro/dev'
import {
  authenticationFailed,
  connectionLost,
  type PgCredential,
  PostgresError,
  poolDrained,
  poolDrainForced,
  poolSwapped,
  RotatingPool,
  type RotatingPoolOptions,
} from '@chaveiro/postgres'
import { Secret } from '@chaveiro/rotation'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { connectionsOf, createRole, dropRole } from './database-roles.js'

let server: PostgresServer
const undo: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await PostgresServer.start()
  await server.query('CREATE TABLE work (id int, step text)')
})
afterAll(() => server?.close())
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** What a rotation does with the pool, by hand: `current` moves only when the previous credential is drained. */
class HandRotation {
  current: PgCredential
  readonly pool: RotatingPool

  private constructor(first: PgCredential, options: Partial<RotatingPoolOptions>) {
    this.current = first
    const { host, port } = server
    const credentials = (): PgCredential => this.current
    // No idle connection ends by itself, so that what is closed is closed by the rotation.
    const fixed = { host, port, database: 'postgres', credentials, max: 8, idleTimeoutMillis: 0 }
    this.pool = new RotatingPool({ ...fixed, ...options })
    undo.push(() => this.pool.end())
  }

  static async start(options: Partial<RotatingPoolOptions> = {}): Promise<HandRotation> {
    return new HandRotation(await createRole(server), options)
  }

  /** Resolves when the previous role is drained, counted on the server, and dropped. */
  async swap(signal: AbortSignal = new AbortController().signal): Promise<PgCredential> {
    const previous = this.current
    const next = await createRole(server)
    await this.pool.consumer.probe?.(next, { signal, correlationId: 'test' })
    await this.pool.consumer.adopt(next, { previous, signal })
    this.current = next
    expect(await connectionsOf(server, previous)).toBe(0)
    await dropRole(server, previous)
    return next
  }

  async currentUser(): Promise<string> {
    const { rows } = await this.pool.query<{ name: string }>('SELECT current_user AS name')
    return rows[0]?.name ?? ''
  }
}

/** The events that a channel publishes until the test ends. */
function recorded(subject: Channel): unknown[] {
  const events: unknown[] = []
  const listener = (event: unknown): unknown => events.push(event)
  subject.subscribe(listener)
  undo.push(async () => subject.unsubscribe(listener))
  return events
}

describe('RotatingPool over swaps', () => {
  it('fails no query of 12 workers over 6 swaps, and every old role can be dropped', async ({ task }) => {
    Object.assign(task.meta, { servers: [`PostgreSQL ${server.version}`] })
    const rotation = await HandRotation.start()
    let working = true
    let done = 0
    const failures: unknown[] = []
    const worker = async (): Promise<void> => {
      while (working) {
        await rotation.pool.query('SELECT count(*), pg_sleep(0.001) FROM work').then(
          () => (done += 1),
          (error) => failures.push(error),
        )
      }
    }
    const workers = Array.from({ length: 12 }, worker)
    const usernames = new Set<string>()
    for (let swaps = 0; swaps < 6; swaps += 1) {
      const doneBefore = done
      await rotation.swap()
      usernames.add(await rotation.currentUser())
      await vi.waitUntil(() => done > doneBefore + 50, { timeout: 10_000 })
    }
    working = false
    await Promise.all(workers)
    expect(failures).toEqual([])
    expect(done).toBeGreaterThan(300)
    expect(usernames.size).toBe(6)
  })

  it('closes idle connections of the previous credential at once', async () => {
    const rotation = await HandRotation.start()
    await Promise.all([1, 2, 3, 4].map(() => rotation.pool.query('SELECT pg_sleep(0.02)')))
    expect(rotation.pool.idleCount).toBe(4)
    const swapped = recorded(poolSwapped)
    const drained = recorded(poolDrained)
    const next = await rotation.swap()
    expect(rotation.pool.totalCount).toBe(0)
    expect(swapped).toEqual([{ database: 'postgres', generation: 2, username: next.username, connectionsToDrain: 4 }])
    expect(drained).toEqual([
      { database: 'postgres', generation: 2, durationSeconds: expect.any(Number), sessionsEnded: 0 },
    ])
  })

  it('lets a transaction finish on its connection while new work is done by the next role', async () => {
    const rotation = await HandRotation.start()
    const first = rotation.current
    const client = await rotation.pool.connect()
    await client.query('BEGIN')
    await client.query("INSERT INTO work VALUES (1, 'before the swap')")
    let drained = false
    const swap = rotation.swap().then((next) => {
      drained = true
      return next
    })
    await vi.waitUntil(async () => (await rotation.currentUser()) !== first.username)
    await client.query("INSERT INTO work VALUES (1, 'after the swap')")
    const { rows } = await client.query('SELECT current_user AS name, count(*)::int FROM work WHERE id = 1')
    await client.query('COMMIT')
    expect(rows).toEqual([{ name: first.username, count: 2 }])
    expect(drained).toBe(false)
    client.release()
    expect(await rotation.currentUser()).toBe((await swap).username)
  })

  it('lets a LISTEN session live on its connection until it is released', async () => {
    const rotation = await HandRotation.start()
    const listener = await rotation.pool.connect()
    await listener.query('LISTEN news')
    const swapped = recorded(poolSwapped)
    const swap = rotation.swap()
    await vi.waitUntil(() => swapped.length === 1)
    const heard = once(listener, 'notification')
    await rotation.pool.query("NOTIFY news, 'still here'")
    expect((await heard)[0]).toMatchObject({ channel: 'news', payload: 'still here' })
    listener.release()
    await swap
  })

  it('gives new work no connection that was being made with the previous credential', async () => {
    const rotation = await HandRotation.start()
    const next = await createRole(server)
    const begun = rotation.pool.connect()
    const adopted = rotation.pool.consumer.adopt(next, { signal: new AbortController().signal })
    const client = await begun
    const { rows } = await client.query('SELECT current_user AS name')
    expect(rows).toEqual([{ name: next.username }])
    await adopted
    client.release()
    expect(await connectionsOf(server, rotation.current)).toBe(0)
  })

  it('serves who waits across a swap in the order of their asking', async () => {
    const rotation = await HandRotation.start({ max: 1 })
    const held = await rotation.pool.connect()
    const served: number[] = []
    const waiting = [1, 2, 3].map((place) => rotation.pool.query('SELECT 1').then(() => served.push(place)))
    const swapped = recorded(poolSwapped)
    const swap = rotation.swap()
    await vi.waitUntil(() => swapped.length === 1)
    held.release()
    await Promise.all([...waiting, swap])
    expect(served).toEqual([1, 2, 3])
  })

  it('follows a source of credentials that is nobody’s rotation', async () => {
    const rotation = await HandRotation.start()
    const first = rotation.current
    expect(await rotation.currentUser()).toBe(first.username)
    const lent = await rotation.pool.connect()
    rotation.current = await createRole(server)
    expect(await rotation.currentUser()).toBe(rotation.current.username)
    lent.release()
    await vi.waitUntil(async () => (await connectionsOf(server, first)) === 0)
    await dropRole(server, first)
  })
})

describe('RotatingPool, drain deadline', () => {
  it('ends sessions in use when the previous credential has no life left, and says how many', async () => {
    const rotation = await HandRotation.start()
    const inTransaction = await rotation.pool.connect()
    await inTransaction.query('BEGIN')
    const inQuery = rotation.pool.query('SELECT pg_sleep(60)')
    await vi.waitUntil(async () => (await connectionsOf(server, rotation.current)) === 2)
    const forced = recorded(poolDrainForced)
    const lost = recorded(connectionLost)
    const end = new AbortController()
    const next = await createRole(server)
    const adopted = rotation.pool.consumer.adopt(next, { previous: rotation.current, signal: end.signal })
    await rotation.pool.query('SELECT 1')
    expect(forced).toEqual([])
    end.abort()
    await expect(inQuery).rejects.toMatchObject({ code: 'ERR_POSTGRES_CREDENTIAL_ENDED', cure: expect.any(String) })
    await adopted
    rotation.current = next
    expect(forced).toEqual([{ database: 'postgres', generation: 2, sessionsEnded: 2 }])
    expect(lost).toEqual([])
    await expect(inTransaction.query('COMMIT')).rejects.toThrow('not queryable')
    inTransaction.release()
    expect(await rotation.currentUser()).toBe(next.username)
    expect(rotation.pool.totalCount).toBe(1)
  })

  it('adopts at once when the previous credential has already ended', async () => {
    const rotation = await HandRotation.start()
    const errors: unknown[] = []
    rotation.pool.on('error', (error) => errors.push(error))
    const busy = await rotation.pool.connect()
    await rotation.pool.query('SELECT 1')
    const next = await createRole(server)
    await rotation.pool.consumer.adopt(next, { signal: AbortSignal.abort() })
    rotation.current = next
    expect(await rotation.currentUser()).toBe(next.username)
    busy.release()
    expect(errors).toEqual([])
    expect(rotation.pool.totalCount).toBe(1)
  })
})

describe('RotatingPool, the probe', () => {
  it('keeps the previous credential in use when the next one does not work', async () => {
    const rotation = await HandRotation.start()
    const next = { ...rotation.current, password: new Secret('not-the-password') }
    const probe = rotation.pool.consumer.probe?.(next, { signal: new AbortController().signal, correlationId: 'c' })
    const error = await (probe as Promise<void>).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_PROBE_FAILED', cause: { code: '28P01' } })
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('not-the-password')
    expect(await rotation.currentUser()).toBe(rotation.current.username)
  })

  it('gives up a server that accepts and never answers when its time is over', async () => {
    const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    undo.push(async () => silent.close())
    const rotation = await HandRotation.start({ port: (silent.address() as AddressInfo).port })
    const time = new AbortController()
    const probe = rotation.pool.consumer.probe?.(rotation.current, { signal: time.signal, correlationId: 'c' })
    await once(silent, 'connection')
    time.abort()
    await expect(probe).rejects.toMatchObject({ code: 'ERR_POSTGRES_PROBE_FAILED' })
  })

  it('leaves no connection behind', async () => {
    const rotation = await HandRotation.start()
    const signal = new AbortController().signal
    await rotation.pool.consumer.probe?.(rotation.current, { signal, correlationId: 'c' })
    expect(await connectionsOf(server, rotation.current)).toBe(0)
    expect(rotation.pool.totalCount).toBe(0)
  })
})

describe('RotatingPool, a refused credential', () => {
  const wrong = (credential: PgCredential): PgCredential => ({ ...credential, password: new Secret('wrong') })

  it('asks once for another credential for all connections that are refused, and tries them once more', async () => {
    const good = await createRole(server)
    const onAuthenticationFailure = vi.fn(async () => {
      rotation.current = good
    })
    const rotation = await HandRotation.start({ onAuthenticationFailure })
    rotation.current = wrong(good)
    const refused = recorded(authenticationFailed)
    const results = await Promise.all([1, 2, 3, 4, 5].map(() => rotation.currentUser()))
    expect(new Set(results)).toEqual(new Set([good.username]))
    expect(onAuthenticationFailure).toHaveBeenCalledTimes(1)
    expect(refused[0]).toEqual({ database: 'postgres', username: good.username, sqlState: '28P01' })
  })

  it.each([
    { name: 'nobody can be asked', onAuthenticationFailure: undefined, calls: 0 },
    { name: 'the next one is refused too', onAuthenticationFailure: async () => undefined, calls: 1 },
    { name: 'there is no other', onAuthenticationFailure: () => Promise.reject(new Error('sealed')), calls: 1 },
  ])('rejects with what PostgreSQL said when $name', async ({ onAuthenticationFailure, calls }) => {
    const ask = vi.fn(onAuthenticationFailure)
    const rotation = await HandRotation.start(onAuthenticationFailure && { onAuthenticationFailure: ask })
    const good = rotation.current
    rotation.current = wrong(good)
    await expect(rotation.pool.query('SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    expect(ask).toHaveBeenCalledTimes(calls)
    rotation.current = good
    expect(await rotation.currentUser()).toBe(good.username)
  })

  it('does not wait for a drain that waits for the caller', async () => {
    let swap: Promise<unknown> | undefined
    const onAuthenticationFailure = async (): Promise<void> => {
      swap = rotation.swap()
      await swap
    }
    const rotation = await HandRotation.start({ onAuthenticationFailure })
    const held = await rotation.pool.connect()
    await server.query(`ALTER ROLE "${rotation.current.username}" PASSWORD 'changed'`)
    const other = await rotation.pool.connect()
    other.release()
    held.release()
    await swap
    expect(rotation.pool.totalCount).toBe(1)
  })

  it('does not run a query again that PostgreSQL has run', async () => {
    const onAuthenticationFailure = vi.fn(async () => undefined)
    const rotation = await HandRotation.start({ onAuthenticationFailure })
    const refused = rotation.pool.query("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '28P01'; END $$")
    await expect(refused).rejects.toMatchObject({ code: '28P01' })
    expect(onAuthenticationFailure).not.toHaveBeenCalled()
  })

  it('says why there is no credential, and works again when there is one', async () => {
    const reason = new Error('expired')
    let credential: PgCredential | undefined
    const credentials = (): PgCredential => {
      if (credential) return credential
      throw reason
    }
    const rotation = await HandRotation.start({ credentials, max: 1 })
    const queries = [1, 2, 3].map(() => rotation.pool.query('SELECT 1'))
    for (const result of await Promise.allSettled(queries)) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_POSTGRES_NO_CREDENTIAL', cause: reason },
      })
    }
    credential = rotation.current
    expect(await rotation.currentUser()).toBe(credential.username)
  })
})

describe('RotatingPool, the end', () => {
  it('serves who already waits, and then closes every connection', async () => {
    const rotation = await HandRotation.start({ max: 2 })
    const queries = Array.from({ length: 7 }, (_, index) => rotation.pool.query('SELECT $1::int AS index', [index]))
    expect(rotation.pool.waitingCount).toBe(5)
    const ended = rotation.pool.end()
    expect((await Promise.all(queries)).map(({ rows }) => rows[0].index)).toEqual([0, 1, 2, 3, 4, 5, 6])
    await ended
    await rotation.pool.end()
    await new Promise<void>((resolve) => rotation.pool.end(resolve))
    expect(await connectionsOf(server, rotation.current)).toBe(0)
    await expect(rotation.pool.query('SELECT 1')).rejects.toMatchObject({ code: 'ERR_POSTGRES_POOL_ENDED' })
    await expect(rotation.pool.connect()).rejects.toBeInstanceOf(PostgresError)
  })

  it('ends during a swap, after the transaction on the previous connection', async () => {
    const rotation = await HandRotation.start()
    const client = await rotation.pool.connect()
    await client.query('BEGIN')
    const swap = rotation.swap()
    await vi.waitUntil(async () => (await rotation.currentUser()) !== rotation.current.username)
    const ended = rotation.pool.end()
    await client.query('COMMIT')
    client.release()
    await Promise.all([swap, ended])
    expect(rotation.pool.totalCount).toBe(0)
  })

  it('adopts without a connection after its end', async () => {
    const rotation = await HandRotation.start()
    await rotation.pool.query('SELECT 1')
    await rotation.pool[Symbol.asyncDispose]()
    await rotation.swap()
  })
})

describe('RotatingPool, the database away', () => {
  it('tells of lost connections without ending the process, and works when the database is back', async () => {
    const rotation = await HandRotation.start()
    const listener = await rotation.pool.connect()
    await rotation.pool.query('SELECT 1')
    const lost = recorded(connectionLost)
    await server.stop()
    await vi.waitUntil(() => lost.length === 2)
    expect(lost).toEqual(
      expect.arrayContaining([
        { database: 'postgres', inUse: true, sqlState: '57P01' },
        { database: 'postgres', inUse: false, sqlState: '57P01' },
      ]),
    )
    await expect(rotation.pool.query('SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    listener.release()
    await server.startAgain()
    expect(await rotation.currentUser()).toBe(rotation.current.username)
    await rotation.swap()
    expect(lost).toHaveLength(2)
  })
})

describe('RotatingPool, a connection that is ended by the server', () => {
  it('tells the listeners of the pool when it was idle, and is replaced', async () => {
    const { pool, current } = await HandRotation.start()
    await pool.query('SELECT 1')
    const lost = once(pool, 'error')
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [current.username])
    expect(await lost).toMatchObject([{ code: '57P01' }, expect.any(pg.Client)])
    await pool.query('SELECT 1')
    expect(pool.totalCount).toBe(1)
  })

  it('rejects the query that ran, and runs it no second time', async () => {
    const { pool, current } = await HandRotation.start()
    const running = pool.query("INSERT INTO work SELECT 2, 'once' FROM pg_sleep(60)")
    const outcome = expect(running).rejects.toMatchObject({ code: '57P01' })
    await vi.waitUntil(async () => (await connectionsOf(server, current)) === 1)
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [current.username])
    await outcome
    expect(await server.query('SELECT count(*)::int FROM work WHERE id = 2')).toEqual([{ count: 0 }])
  })
})

describe('RotatingPool in the place of pg.Pool', () => {
  it('offers every form of query and connect', async () => {
    const { pool } = await HandRotation.start()
    expect(pool).toBeInstanceOf(pg.Pool)
    const text = 'SELECT $1::int AS one'
    const one = [{ one: 1 }]
    expect((await pool.query(text, [1])).rows).toEqual(one)
    expect((await pool.query({ text, values: [1] })).rows).toEqual(one)
    expect((await pool.query({ text, rowMode: 'array' }, [1])).rows).toEqual([[1]])
    const rows = await new Promise((resolve) => pool.query(text, [1], (_error, result) => resolve(result.rows)))
    expect(rows).toEqual(one)
    const code = await new Promise((resolve) =>
      pool.query('SELEC', (error) => resolve((error as pg.DatabaseError).code)),
    )
    expect(code).toBe('42601')
    const client = await pool.connect()
    const submitted = client.query(new pg.Query(text, [1]))
    expect((await once(submitted, 'row'))[0]).toEqual({ one: 1 })
    client.release()
    const released = new Promise<void>((resolve) => {
      pool.connect((error, lent, done) => {
        expect(error).toBeUndefined()
        expect(lent).toBeInstanceOf(pg.Client)
        done()
        resolve()
      })
    })
    await released
  })

  it('emits the events and keeps the counts of pg.Pool', async () => {
    const { pool } = await HandRotation.start({ max: 1 })
    const events: string[] = []
    for (const event of ['connect', 'acquire', 'release', 'remove'] as const) pool.on(event, () => events.push(event))
    const client = await pool.connect()
    const waiting = pool.connect()
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 0, 1])
    client.release()
    ;(await waiting).release()
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0])
    await pool.end()
    expect(events).toEqual(['connect', 'acquire', 'release', 'acquire', 'release', 'remove'])
  })

  it('shows no password, however it is printed', async () => {
    const { pool, current } = await HandRotation.start()
    const client = await pool.connect()
    const printed = inspect({ pool, client }, { depth: 12, showHidden: true })
    client.release()
    expect(printed).toContain(current.username)
    expect(printed).not.toContain(current.password.expose())
  })

  it.each([{ user: 'app' }, { password: 'fixed' }, { connectionString: 'postgres://app:fixed@127.0.0.1/postgres' }])(
    'refuses the option %o',
    (option) => {
      const options = { credentials: () => ({ username: 'app', password: new Secret('x') }), ...option }
      const error = (() => {
        try {
          return new RotatingPool(options)
        } catch (reason) {
          return reason
        }
      })()
      expect(error).toMatchObject({
        code: 'ERR_POSTGRES_BAD_OPTION',
        message: expect.stringContaining(Object.keys(option)[0] as string),
      })
      expect(inspect(error)).not.toContain('fixed')
    },
  )
})
