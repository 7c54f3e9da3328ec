/**
 * The servers that an operator's command works on, found by the usual variables.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { type Manifest, SpireServerClient } from '@chaveiro/operations'
import { Secret } from '@chaveiro/rotation'
import { VaultClient } from '@chaveiro/vault'
import { UsageError } from './exit-code.js'
import type { Terminal } from './terminal.js'

type Environment = Terminal['env']

/**
 * `VAULT_ADDR`, `VAULT_TOKEN`, `VAULT_NAMESPACE`, `VAULT_CACERT`; those of OpenBao (`BAO_…`) come first.
 * @throws {UsageError} when the address or the token is missing
 */
export async function openVault(env: Environment, manifest?: Manifest): Promise<VaultClient> {
  const { client, hasToken } = await openVaultWithOrWithoutToken(env, manifest)
  if (hasToken) return client
  await client.close()
  throw new UsageError('no token for Vault', 'Set VAULT_TOKEN; `vault login` or an operator gives one.')
}

/** As {@link openVault}, for what can be asked without a token too. @throws {UsageError} when the address is missing */
export async function openVaultWithOrWithoutToken(
  env: Environment,
  manifest?: Manifest,
): Promise<{ readonly client: VaultClient; readonly hasToken: boolean }> {
  const address = vaultVariable(env, 'ADDR') ?? manifest?.vault.address
  if (!address) throw new UsageError('no address of Vault', 'Set VAULT_ADDR, or vault.address in the manifest.')
  const token = vaultVariable(env, 'TOKEN')
  const secret = token === undefined ? undefined : new Secret(token)
  const client = new VaultClient({ address, ...(secret && { token: () => secret }), ...(await vaultConnection(env)) })
  return { client, hasToken: secret !== undefined }
}

/** Namespace and CA certificates, as every connection to Vault needs them. */
export async function vaultConnection(env: Environment): Promise<{ namespace?: string; ca?: string }> {
  const namespace = vaultVariable(env, 'NAMESPACE')
  const certificates = vaultVariable(env, 'CACERT')
  return {
    ...(namespace !== undefined && { namespace }),
    ...(certificates !== undefined && { ca: await readFile(certificates, 'utf8') }),
  }
}

/** A variable of Vault's, or of OpenBao's, by what comes after `VAULT_`. */
export const vaultVariable = (env: Environment, suffix: string): string | undefined =>
  env[`BAO_${suffix}`] || env[`VAULT_${suffix}`] || undefined

/** SPIRE's own default. */
const defaultSocket = '/tmp/spire-server/private/api.sock'

/** `SPIRE_SERVER_SOCKET`, a path or a `unix:` address; nothing is connected yet. */
export function openSpire(env: Environment): SpireServerClient {
  return new SpireServerClient({ socket: spireSocket(env) })
}

/** Path of the socket of SPIRE server's API. */
export const spireSocket = (env: Environment): string =>
  (env.SPIRE_SERVER_SOCKET || defaultSocket).replace(/^unix:(\/\/)?/, '')
