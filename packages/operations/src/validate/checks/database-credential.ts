/**
 * A database user, from its making to its end: made by Vault, logged in with, revoked, refused.
 * @module
 */
import { exitCodeFor } from '@chaveiro/integration'
import type { DatabaseCredential } from '@chaveiro/vault'
import pg from 'pg'
import { expandVariables } from '../../derive/variables.js'
import type { DatabaseConnection } from '../../manifest/schema.js'
import { type Finding, failed, ok, unknown } from '../finding.js'
import type { Inspection } from '../inspection.js'

/** The user is revoked whatever happens in between. @throws {VaultError} when it cannot be made or revoked */
export async function tryCredential(
  { platform, manifest }: Inspection,
  database: DatabaseConnection,
  role: string,
  signal: AbortSignal,
): Promise<Finding> {
  const { vault, env } = platform
  const { text: template, unset } = expandVariables(database.connectionUrl, env)
  if (unset.length > 0) {
    return unknown(`${unset.join(', ')} not set: where ${database.name} is cannot be told`, 'Set it, and run it again.')
  }
  const credential = await vault.database(manifest.vault.mounts.database).credentials(role, { signal })
  let first: unknown
  try {
    first = await logIn(template, credential)
  } finally {
    // Not with the check's own signal: what was made is ended even when the check is stopped.
    await vault.leases.revoke(credential.leaseId)
  }
  if (first) return firstLogin(first, database.name)
  const second = await logIn(template, credential)
  if (!second) {
    return failed(
      `the user ${credential.username} still logs in after its lease was revoked`,
      `Look at the revocation statements of ${role}, and drop the user by hand.`,
    )
  }
  if (exitCodeFor(second) === 4) return ok('made, logged in, revoked, refused')
  return unknown(`the refusal could not be seen: ${messageOf(second)}`, 'Run it again.', 'unreachable')
}

function firstLogin(error: unknown, name: string): Finding {
  if (exitCodeFor(error) === 3) {
    const cure = 'Run it where the services run; Vault itself reaches the database, for it made the user.'
    return unknown(`${name} cannot be reached from here: ${messageOf(error)}`, cure, 'unreachable')
  }
  const cure = 'Look at the creation statements of the role: LOGIN, PASSWORD, and the right to connect.'
  return failed(`the new user cannot log in to ${name}: ${messageOf(error)}`, cure)
}

/** @returns what kept the user out; undefined when it got in */
async function logIn(template: string, { username, password }: DatabaseCredential): Promise<unknown> {
  const connectionString = template
    .replaceAll('{{username}}', encodeURIComponent(username))
    .replaceAll('{{password}}', encodeURIComponent(password.expose()))
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000, query_timeout: 10_000 })
  // A connection that ends by itself is told by the query that fails.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
    return undefined
  } catch (error) {
    return error
  } finally {
    await client.end().catch(() => undefined)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
