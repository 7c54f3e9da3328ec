/**
 * The gRPC server of service-registry: mTLS beneath, a JWT-SVID with each call, and a policy that names the callers.
 * @module
 */
import { callerOf, type MethodPolicy } from '@chaveiro/grpc'
import type { VaultIntegration } from '@chaveiro/integration'
import { authorizeTrustDomain, TrustDomain } from '@chaveiro/spiffe'
import { type ServiceHandlers, serviceDefinition } from '@chaveiro/spiffe/grpc-definition'
import { Server } from '@grpc/grpc-js'
import { Registry } from '../registry-api/registry_pb.js'

const trustDomain = TrustDomain.parse('neural-hive.local')
const orchestrator = 'spiffe://neural-hive.local/ns/neural-hive-orchestration/sa/orchestrator-dynamic'
const workers = 'spiffe://neural-hive.local/ns/neural-hive-execution/sa/worker-agents'

/** Whoever is not named is refused, whatever identity they prove. */
const policy: MethodPolicy = {
  '/neuralhive.registry.v1.Registry/Register': [workers],
  '/neuralhive.registry.v1.Registry/List': [orchestrator, workers],
}

export interface RegistryServer extends AsyncDisposable {
  /** Host and port. */
  readonly address: string
}

/** Starts it on a free loopback port. */
export async function startRegistryServer({ calls }: VaultIntegration): Promise<RegistryServer> {
  const service = serviceDefinition(Registry)
  const server = new Server({
    interceptors: [calls.serverInterceptor({ policy, services: [service], requireSamePeer: true })],
  })
  server.addService(service, handlers(new Map()))
  const credentials = calls.serverCredentials(authorizeTrustDomain(trustDomain))
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)))
  })
  const close = (): Promise<void> => new Promise((resolve) => server.tryShutdown(() => resolve()))
  return { address: `127.0.0.1:${port}`, [Symbol.asyncDispose]: close }
}

/** Who is there: SPIFFE ID to address. The ID comes from the verified token, never from the request. */
function handlers(instances: Map<string, string>): ServiceHandlers<typeof Registry> {
  return {
    register(call, answer) {
      const spiffeId = callerOf(call)?.id.toString()
      if (!spiffeId) return answer({ code: 16, details: 'the caller is not known' })
      instances.set(spiffeId, call.request.address)
      answer(null, { spiffeId })
    },
    list(_call, answer) {
      answer(null, { instances: [...instances].map(([spiffeId, address]) => ({ spiffeId, address })) })
    },
  }
}
