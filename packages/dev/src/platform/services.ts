/**
 * The processes of the sample platform: who each is, and what its environment tells it. No secret is in it.
 * @module
 */
import type { Stack } from '../stack.js'

export interface SampleService {
  readonly name: string
  /** Path of its SPIFFE ID. */
  readonly path: string
  readonly env: (stack: Stack, registryAddress: string) => Record<string, string>
}

const vaultAudience = 'vault.neural-hive.local'
const registryAudience = 'service-registry.neural-hive.local'

const integrated = (name: string, { vault }: Stack): Record<string, string> => ({
  CHAVEIRO_SERVICE_NAME: name,
  CHAVEIRO_VAULT_AUDIENCE: vaultAudience,
  CHAVEIRO_ADMIN_ADDRESS: '127.0.0.1:0',
  VAULT_ADDR: vault.address,
})

/** In the order in which they are started: the registry is called by all others. */
export const sampleServices: readonly SampleService[] = [
  {
    name: 'service-registry',
    path: '/ns/neural-hive-core/sa/service-registry',
    env: (stack) => ({ ...integrated('service-registry', stack), CHAVEIRO_SPIFFE_AUDIENCE: registryAudience }),
  },
  {
    name: 'orchestrator-dynamic',
    path: '/ns/neural-hive-orchestration/sa/orchestrator-dynamic',
    env: (stack, registryAddress) => ({
      ...integrated('orchestrator-dynamic', stack),
      CHAVEIRO_DATABASE_HOST: stack.database.host,
      CHAVEIRO_DATABASE_PORT: String(stack.database.port),
      CHAVEIRO_DATABASE_NAME: 'temporal',
      CHAVEIRO_DATABASE_ROLE: 'temporal-orchestrator',
      SERVICE_REGISTRY_ADDRESS: registryAddress,
      SERVICE_REGISTRY_AUDIENCE: registryAudience,
    }),
  },
  {
    name: 'worker-agents',
    path: '/ns/neural-hive-execution/sa/worker-agents',
    env: (stack, registryAddress) => ({
      ...integrated('worker-agents', stack),
      SERVICE_REGISTRY_ADDRESS: registryAddress,
      SERVICE_REGISTRY_AUDIENCE: registryAudience,
    }),
  },
  {
    name: 'intruder',
    path: '/ns/neural-hive-guests/sa/intruder',
    env: (_stack, registryAddress) => ({
      SERVICE_REGISTRY_ADDRESS: registryAddress,
      SERVICE_REGISTRY_AUDIENCE: registryAudience,
    }),
  },
]
