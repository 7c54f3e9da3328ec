/**
 * Trying a credential for real: one connection, one query.
 * @module
 */
import pg from 'pg'
import { withCredential } from './client.js'
import type { PgCredential } from './credential.js'
import { PostgresError, sqlStateOf } from './errors.js'

/**
 * Connects with `credential` and runs `SELECT 1`.
 * @throws {PostgresError} ERR_POSTGRES_PROBE_FAILED, also when `signal` aborts first
 */
export async function probeCredential(
  config: pg.ClientConfig,
  credential: PgCredential,
  signal: AbortSignal,
): Promise<void> {
  const client = new pg.Client(withCredential(config, credential))
  // What happens to this connection is told by the rejections below.
  client.on('error', () => undefined)
  const giveUp = (): unknown => client.connection.stream.destroy(new Error('the probe was given up'))
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    signal.throwIfAborted()
    await client.connect()
    await client.query('SELECT 1')
    await client.end()
  } catch (cause) {
    giveUp()
    throw probeFailed(credential, cause)
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

function probeFailed({ username }: PgCredential, cause: unknown): PostgresError {
  const state = sqlStateOf(cause)
  const said = state ? `SQLSTATE ${state}` : ((cause as { code?: string }).code ?? 'no answer')
  return new PostgresError('ERR_POSTGRES_PROBE_FAILED', `role ${username} cannot use the database (${said})`, {
    cure: 'Check that the database is reachable and that the role may log in and connect; the previous one is kept.',
    cause,
  })
}
