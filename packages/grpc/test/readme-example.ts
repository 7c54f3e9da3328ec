import {
  callerOf,
  jwtSvidClientOptions,
  jwtSvidServerInterceptor,
  spiffeChannelCredentials,
  spiffeServerCredentials,
} from '@chaveiro/grpc'
import type { JwtBundleSource, JwtSvidSource, X509BundleSource, X509SvidSource } from '@chaveiro/spiffe'
import { authorizeId } from '@chaveiro/spiffe'
import { Client, type handleUnaryCall, Server, type ServiceDefinition } from '@grpc/grpc-js'

/** Where identities come from: an X509Source and a JwtSource of @chaveiro/spiffe. */
export interface Identity {
  x509: X509SvidSource & X509BundleSource
  jwt: JwtSvidSource & JwtBundleSource
}

const audience = 'service-registry.neural-hive.local'
const worker = 'spiffe://neural-hive.local/ns/neural-hive-execution/sa/worker-agents'
const registry = 'spiffe://neural-hive.local/ns/neural-hive-core/sa/service-registry'

const register: handleUnaryCall<Buffer, Buffer> = (call, done) => {
  done(null, Buffer.from(`welcome, ${callerOf(call)?.id}`))
}

export function serve({ x509, jwt }: Identity, service: ServiceDefinition) {
  const server = new Server({
    interceptors: [
      jwtSvidServerInterceptor({
        bundles: jwt,
        audience,
        service: 'service-registry', // what the metrics call it
        services: [service], // a policy line for a method that does not exist is refused at once
        policy: { '/registry.Registry/*': [worker] }, // whoever is not named is refused
      }),
    ],
  })
  server.addService(service, { register })
  const credentials = spiffeServerCredentials({ svid: x509, bundles: x509, authorize: authorizeId(worker) })
  return { server, credentials } // server.bindAsync(address, credentials, …)
}

export function dial({ x509, jwt }: Identity, target: string) {
  const credentials = spiffeChannelCredentials({ svid: x509, bundles: x509, authorize: authorizeId(registry) })
  return new Client(target, credentials, jwtSvidClientOptions({ source: jwt, audience }))
}
