/**
 * Writes what a manifest asks for into Vault. Every write sets an object to its desired state, so that a second run
 * leaves Vault as it was; secrets are only created, never overwritten.
 * @module
 */
import { randomInt } from 'node:crypto'
import { Secret } from '@chaveiro/rotation'
import { InvalidRequestError, type VaultClient } from '@chaveiro/vault'
import type { DatabaseConnection, Manifest } from '../manifest/schema.js'
import type { ValueOrigin } from '../manifest/value-origin.js'
import { desiredVault } from './desired-writes.js'

export interface ConfigureOptions {
  /** Bears a token that may write all of it. */
  readonly client: VaultClient
  readonly manifest: Manifest
  /** Where Vault fetches the keys of JWT-SVIDs. */
  readonly jwksUrl: string
  /** Yields a value that the manifest names by its origin; `generate` is done here. */
  readonly resolve: (origin: ValueOrigin) => Promise<Secret>
}

/** @throws {VaultError} at the first write that Vault refuses; running it again completes the rest */
export async function configureVault(options: ConfigureOptions): Promise<void> {
  const { client, manifest, jwksUrl } = options
  const { mounts } = manifest.vault
  await enable(client, `sys/mounts/${mounts.kv}`, { type: 'kv', options: { version: '2' } })
  await enable(client, `sys/mounts/${mounts.database}`, { type: 'database' })
  await enable(client, `sys/auth/${mounts.jwt}`, { type: 'jwt' })
  for (const database of manifest.databases) await connect(database, options)
  for (const { kind, path, body } of desiredVault(manifest, jwksUrl)) {
    await client.request({ method: 'POST', path, body, operation: kind })
  }
  await populate(options)
}

async function enable(client: VaultClient, path: string, body: Record<string, unknown>): Promise<void> {
  try {
    await client.request({ method: 'POST', path, body, operation: 'mount' })
  } catch (error) {
    // Vault answers 400 "path is already in use"; whatever is mounted there, the next write tells whether it fits.
    if (!(error instanceof InvalidRequestError && error.message.includes('already in use'))) throw error
  }
}

async function connect(database: DatabaseConnection, { client, manifest, resolve }: ConfigureOptions): Promise<void> {
  const body = {
    plugin_name: database.plugin,
    connection_url: database.connectionUrl,
    allowed_roles: database.roles.map(({ name }) => name),
    username: (await resolve(database.username)).expose(),
    password: (await resolve(database.password)).expose(),
    password_authentication: 'scram-sha-256',
  }
  const path = `${manifest.vault.mounts.database}/config/${database.name}`
  await client.request({ method: 'POST', path, body, operation: 'database-config' })
}

/** Creates each secret that is not there; check-and-set with 0 leaves those that are (KV v2 API, `options.cas`). */
async function populate({ client, manifest, resolve }: ConfigureOptions): Promise<void> {
  for (const { path, keys } of manifest.secrets) {
    const entries = Object.entries(keys).map(async ([key, origin]) => {
      const value = 'generate' in origin ? generate(origin.generate) : await resolve(origin)
      return [key, value.expose()] as const
    })
    const body = { options: { cas: 0 }, data: Object.fromEntries(await Promise.all(entries)) }
    const target = `${manifest.vault.mounts.kv}/data/${path}`
    try {
      await client.request({ method: 'POST', path: target, body, operation: 'secret' })
    } catch (error) {
      if (!(error instanceof InvalidRequestError && error.message.includes('check-and-set'))) throw error
    }
  }
}

const alphabets = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  hex: '0123456789abcdef',
  base64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
} as const

function generate({ length, alphabet }: { length: number; alphabet: keyof typeof alphabets }): Secret {
  const letters = alphabets[alphabet]
  return new Secret(Array.from({ length }, () => letters[randomInt(letters.length)]).join(''))
}
