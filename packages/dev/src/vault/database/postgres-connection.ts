/**
 * The embedded database engine's way to a real PostgreSQL: making, prolonging and dropping its users.
 * @see https://developer.hashicorp.com/vault/docs/secrets/databases/postgresql
 * @module
 */
import pg from 'pg'

export interface PostgresUser {
  readonly name: string
  readonly password: string
  /** Wall-clock milliseconds. */
  readonly expiresMs: number
}

/** Users outlive their lease by so much, so that a renewal that is late finds them. */
const graceMs = 5000
const defaultMaxConnections = 4

export class PostgresConnection {
  readonly #pool: pg.Pool
  readonly #where: string

  /** @param url - with `{{username}}` and `{{password}}` */
  constructor(url: string, username: string, password: string, maxConnections = defaultMaxConnections) {
    const filled = url
      .replaceAll('{{username}}', encodeURIComponent(username))
      .replaceAll('{{password}}', encodeURIComponent(password))
    const { hostname, pathname } = new URL(filled)
    this.#where = `host=${hostname} user=${username} database=${pathname.slice(1)}`
    this.#pool = new pg.Pool({ connectionString: filled, max: maxConnections, connectionTimeoutMillis: 5000 })
    // An idle connection that breaks is replaced when the next one is needed.
    this.#pool.on('error', () => {})
  }

  /** @throws Error with Vault's text */
  async verify(): Promise<void> {
    const client = await this.#connect('error verifying connection: ping failed: ')
    client.release()
  }

  create(statements: readonly string[], user: PostgresUser): Promise<void> {
    return this.#run(statements, user, {
      connect: 'unable to start transaction: ',
      execute: 'failed to execute query: ',
    })
  }

  renew(statements: readonly string[], user: PostgresUser): Promise<void> {
    const used = statements.length > 0 ? statements : [`ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}'`]
    return this.#run(used, user, { connect: '', execute: '' })
  }

  async drop(statements: readonly string[], user: PostgresUser): Promise<void> {
    const own = { connect: '', execute: '' }
    if (statements.length > 0) return this.#run(statements, user, own)
    await this.#run([dropByDefault], user, own)
  }

  close(): Promise<void> {
    return this.#pool.end()
  }

  async #run(statements: readonly string[], user: PostgresUser, prefix: { connect: string; execute: string }) {
    const client = await this.#connect(prefix.connect)
    try {
      await client.query('BEGIN')
      for (const statement of statements) await client.query(filledIn(statement, user))
      await client.query('COMMIT')
      client.release()
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      client.release(error instanceof pg.DatabaseError ? undefined : true)
      throw new Error(`${prefix.execute}${textOf(error)}`, { cause: error })
    }
  }

  async #connect(prefix: string): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect()
    } catch (error) {
      throw new Error(`${prefix}failed to connect to \`${this.#where}\`: ${textOf(error)}`, { cause: error })
    }
  }
}

/** What Vault does when a role says nothing: all grants taken back, then the role dropped. */
const dropByDefault = `DO $$
DECLARE place text;
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{{name}}') THEN
    FOR place IN
      SELECT DISTINCT table_schema FROM information_schema.role_column_grants WHERE grantee = '{{name}}' UNION SELECT 'public'
    LOOP
      EXECUTE format('REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA %I FROM "{{name}}"', place);
      EXECUTE format('REVOKE ALL PRIVILEGES ON ALL SEQUENCES IN SCHEMA %I FROM "{{name}}"', place);
      EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM "{{name}}"', place);
    END LOOP;
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM "{{name}}"', current_database());
    DROP ROLE IF EXISTS "{{name}}";
  END IF;
END $$`

function filledIn(statement: string, { name, password, expiresMs }: PostgresUser): string {
  const values: Readonly<Record<string, string>> = { name, username: name, password, expiration: timestamp(expiresMs) }
  return statement.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, key: string) => values[key] ?? whole)
}

/** For instance `2026-01-31 23:59:59+0000`. */
function timestamp(expiresMs: number): string {
  return `${new Date(expiresMs + graceMs).toISOString().slice(0, 19).replace('T', ' ')}+0000`
}

function textOf(error: unknown): string {
  const { code, message, address, port, severity } = error as Error & {
    code?: string
    address?: string
    port?: number
    severity?: string
  }
  if (code === 'ECONNREFUSED') return `dial error (dial tcp ${address}:${port}: connect: connection refused)`
  if (severity && code?.startsWith('28')) return `failed SASL auth (${severity}: ${message} (SQLSTATE ${code}))`
  return severity ? `${severity}: ${message} (SQLSTATE ${code})` : message
}
