/**
 * How a sample service calls service-registry: mTLS to that one identity, a JWT-SVID for its audience.
 * @module
 */
import type { VaultIntegration } from '@chaveiro/integration'
import { authorizeId, SpiffeId } from '@chaveiro/spiffe'
import { RegistryClient } from '../registry-api/client.js'
import type { Work } from './report.js'
import { required } from './required.js'

const registryId = SpiffeId.parse('spiffe://neural-hive.local/ns/neural-hive-core/sa/service-registry')

export function registryFor({ calls }: VaultIntegration): RegistryClient {
  const options = calls.clientOptions({ audience: required('SERVICE_REGISTRY_AUDIENCE') })
  return new RegistryClient(
    required('SERVICE_REGISTRY_ADDRESS'),
    calls.channelCredentials(authorizeId(registryId)),
    options,
  )
}

/** Runs one call and counts it. */
export async function countCall({ calls }: Work, call: () => Promise<unknown>): Promise<void> {
  try {
    await call()
    calls.accepted += 1
  } catch (error) {
    calls.failed += 1
    process.stderr.write(`call failed: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}
