/**
 * The database: one pool, with the credential that Vault leases, or with the static one.
 * @module
 */
import { RotatingPool } from '@chaveiro/postgres'
import { type Clock, type Rotation, type Secret, sleep } from '@chaveiro/rotation'
import type { DatabaseCredential, VaultSession } from '@chaveiro/vault'
import type { DatabaseConfiguration } from '../configuration/configuration.js'
import type { Closers } from '../lifecycle/closers.js'
import type { StartBound } from '../lifecycle/start-bound.js'

/** Where the pool's credential comes from. */
export type DatabaseGrant =
  | { readonly session: VaultSession; readonly mount: string; readonly role: string }
  | { readonly username: string; readonly password: Secret }

export interface DatabaseAccessOptions {
  readonly configuration: DatabaseConfiguration
  readonly grant: DatabaseGrant
  readonly serviceName: string
  readonly closers: Closers
  readonly bound: StartBound
  readonly clock: Clock
}

/** Opens the pool and waits until a connection can be made. */
export function openDatabase(options: DatabaseAccessOptions): Promise<RotatingPool> {
  const { grant, bound } = options
  return bound.run('database', (signal) =>
    'session' in grant ? openLeased(options, grant, signal) : openStatic(options, grant, signal),
  )
}

async function openLeased(
  options: DatabaseAccessOptions,
  { session, mount, role }: Extract<DatabaseGrant, { session: VaultSession }>,
  signal: AbortSignal,
): Promise<RotatingPool> {
  const { closers, bound, clock } = options
  const pool = new RotatingPool({
    ...poolOptions(options),
    clock,
    credentials: () => lease.current(),
    onAuthenticationFailure: () => lease.replaceNow('gone'),
  })
  const lease: Rotation<DatabaseCredential> = session.lease<DatabaseCredential>(session.database({ mount, role }), {
    consumer: pool.consumer,
  })
  closers.add('database lease', (timeoutMs) => lease.close({ timeoutMs }))
  // Newest first: the pool's connections end before the user they were made with is dropped.
  closers.add('database pool', () => pool.end())
  await bound.ready(lease, signal)
  return pool
}

/** Longest pause between two tries of a database that is away, in milliseconds. */
const longestPauseMs = 5000

async function openStatic(
  options: DatabaseAccessOptions,
  credential: { readonly username: string; readonly password: Secret },
  signal: AbortSignal,
): Promise<RotatingPool> {
  const { closers, clock } = options
  const pool = new RotatingPool({ ...poolOptions(options), clock, credentials: () => credential })
  closers.add('database pool', () => pool.end())
  for (let ceilingMs = 250; ; ceilingMs = Math.min(longestPauseMs, ceilingMs * 2)) {
    try {
      const client = await pool.connect()
      client.release()
      return pool
    } catch (error) {
      if (isRefusal(error)) throw error
      await sleep(clock, clock.random() * ceilingMs, signal).catch(() => {
        throw error
      })
    }
  }
}

/** PostgreSQL answered and said no: class 28 is invalid authorization, 3D000 an unknown database, 42501 no right. */
function isRefusal(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^(28...|3D000|42501)$/.test(code)
}

/** Longest time for one connection to be made, in milliseconds. */
const connectTimeoutMs = 10_000

function poolOptions({ configuration, serviceName }: DatabaseAccessOptions) {
  const { host, port, name: database, tls, poolSize: max } = configuration
  return {
    host,
    port,
    database,
    max,
    ssl: tls === false ? false : { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) },
    application_name: serviceName,
    connectionTimeoutMillis: connectTimeoutMs,
  } as const
}
