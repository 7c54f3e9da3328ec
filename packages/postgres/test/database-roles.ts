/**
 * Roles made and dropped on a real PostgreSQL with the statements that a secrets server uses: the usual creation
 * statement, and the default revocation.
 */
import { randomBytes } from 'node:crypto'
import type { PostgresServer } from '@chaveiro/dev'
import type { PgCredential } from '@chaveiro/postgres'
import { Secret } from '@chaveiro/rotation'

let made = 0

export async function createRole(server: PostgresServer): Promise<PgCredential> {
  made += 1
  const username = `v-test-app-${randomBytes(6).toString('hex')}-${made}`
  const password = randomBytes(18).toString('base64url')
  await server.query(`CREATE ROLE "${username}" LOGIN PASSWORD '${password}' VALID UNTIL 'tomorrow'`)
  await server.query(`GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO "${username}"`)
  return { username, password: new Secret(password) }
}

/** Fails when something of the role is left, as a secrets server's revocation would. */
export async function dropRole(server: PostgresServer, { username }: PgCredential): Promise<void> {
  for (const kind of ['TABLES', 'SEQUENCES', 'FUNCTIONS']) {
    await server.query(`REVOKE ALL PRIVILEGES ON ALL ${kind} IN SCHEMA public FROM "${username}"`)
  }
  await server.query(`REVOKE USAGE ON SCHEMA public FROM "${username}"`)
  await server.query(`REVOKE CONNECT ON DATABASE postgres FROM "${username}"`)
  await server.query(`DROP ROLE "${username}"`)
}

/** Connections that the server itself counts for a role. */
export async function connectionsOf(server: PostgresServer, { username }: PgCredential): Promise<number> {
  const rows = await server.query<{ count: string }>('SELECT count(*) FROM pg_stat_activity WHERE usename = $1', [
    username,
  ])
  return Number(rows[0]?.count)
}
