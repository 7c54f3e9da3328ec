/**
 * What is left when everything has closed: asked of Vault and PostgreSQL, not of our own books.
 * @module
 */
import { NotFoundError, VaultClient } from '@chaveiro/vault'
import type { Stack } from '../stack.js'
import type { KnownLeftBehind, LeftBehind } from './summary.js'

/** Prefixes under which the platform's leases and login tokens live. */
const leasePrefixes = ['database', 'auth/jwt']

/** Counts leases (of logins too) and the database users that Vault made. @throws when a server gives no answer */
export async function leftBehind(stack: Stack): Promise<LeftBehind> {
  const [leases, users] = await Promise.all([countAllLeases(stack), countUsers(stack)])
  return { leases, database_users: users }
}

/** The same where a server may be gone: what it does not answer is null. */
export async function knownLeftBehind(stack: Stack): Promise<KnownLeftBehind> {
  const [leases, users] = await Promise.all([countAllLeases(stack).catch(unknown), countUsers(stack).catch(unknown)])
  return { leases, database_users: users }
}

const unknown = (): null => null

async function countAllLeases({ vault }: Stack): Promise<number> {
  await using client = new VaultClient({ address: vault.address, token: () => vault.rootToken })
  const counts = await Promise.all(leasePrefixes.map((prefix) => countLeases(client, prefix)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Walks `sys/leases/lookup/<prefix>`: names that end in a slash are folders. */
async function countLeases(client: VaultClient, prefix: string): Promise<number> {
  const keys = await list(client, `sys/leases/lookup/${prefix}`)
  const folders = keys.filter((key) => key.endsWith('/'))
  const below = await Promise.all(folders.map((folder) => countLeases(client, `${prefix}/${folder.slice(0, -1)}`)))
  return keys.length - folders.length + below.reduce((sum, count) => sum + count, 0)
}

async function list(client: VaultClient, path: string): Promise<readonly string[]> {
  try {
    const { data } = await client.request<{ keys: string[] }>({ method: 'LIST', path, operation: 'list-leases' })
    return data.keys
  } catch (error) {
    // An empty list is a 404 in Vault's API.
    if (error instanceof NotFoundError) return []
    throw error
  }
}

/** Users that Vault's default template names: `v-<display name>-<role>-…`. */
async function countUsers({ database }: Stack): Promise<number> {
  const rows = await database.query<{ count: string }>("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'")
  return Number(rows[0]?.count)
}
