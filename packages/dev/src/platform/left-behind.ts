/**
 * What is left when everything has closed: asked of Vault and PostgreSQL, not of our own books.
 * @module
 */
import { NotFoundError, VaultClient } from '@chaveiro/vault'
import type { Stack } from '../stack.js'
import type { LeftBehind } from './summary.js'

/** Prefixes under which the platform's leases and login tokens live. */
const leasePrefixes = ['database', 'auth/jwt']

/** Counts leases (of logins too) and the database users that Vault made. */
export async function leftBehind(stack: Stack): Promise<LeftBehind> {
  await using client = new VaultClient({ address: stack.vault.address, token: () => stack.vault.rootToken })
  const counts = await Promise.all(leasePrefixes.map((prefix) => countLeases(client, prefix)))
  return { leases: counts.reduce((sum, count) => sum + count, 0), database_users: await countUsers(stack) }
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
