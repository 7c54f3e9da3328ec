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
export async function openVault(env: Environment, { vault }: Manifest): Promise<VaultClient> {
  const of = (suffix: string): string | undefined => env[`BAO_${suffix}`] || env[`VAULT_${suffix}`] || undefined
  const address = of('ADDR') ?? vault.address
  if (!address) throw new UsageError('no address of Vault', 'Set VAULT_ADDR, or vault.address in the manifest.')
  const token = of('TOKEN')
  if (!token) throw new UsageError('no token for Vault', 'Set VAULT_TOKEN; `vault login` or an operator gives one.')
  const secret = new Secret(token)
  const namespace = of('NAMESPACE')
  const certificates = of('CACERT')
  return new VaultClient({
    address,
    token: () => secret,
    ...(namespace !== undefined && { namespace }),
    ...(certificates !== undefined && { ca: await readFile(certificates, 'utf8') }),
  })
}

/** SPIRE's own default. */
const defaultSocket = '/tmp/spire-server/private/api.sock'

/** `SPIRE_SERVER_SOCKET`, a path or a `unix:` address; nothing is connected yet. */
export function openSpire(env: Environment): SpireServerClient {
  const socket = env.SPIRE_SERVER_SOCKET || defaultSocket
  return new SpireServerClient({ socket: socket.replace(/^unix:(\/\/)?/, '') })
}
