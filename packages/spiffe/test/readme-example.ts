import type { TLSSocket } from 'node:tls'
import type { JwtBundleSource, X509BundleSource, X509SvidSource } from '@chaveiro/spiffe'
import {
  authorizePrefix,
  connectTls,
  createTlsServer,
  peerSvid,
  type TlsIdentity,
  verifyJwtSvid,
} from '@chaveiro/spiffe'

/** `source` is an X509Source: it follows the Workload API, so both sides follow every rotation. */
export function mutualTls(source: X509SvidSource & X509BundleSource) {
  const identity: TlsIdentity = {
    svid: source,
    bundles: source,
    authorize: authorizePrefix('neural-hive.local', '/ns/neural-hive-core'),
  }
  const server = createTlsServer(identity)
  server.on('secureConnection', (socket) => socket.end(`hello ${peerSvid(socket)?.id}`))
  const call = async (port: number): Promise<TLSSocket> => {
    const { socket, peer } = await connectTls({ ...identity, to: { host: '127.0.0.1', port } })
    console.log(`talking to ${peer.id}`)
    return socket
  }
  return { server, call }
}

/** Who sent this token? Throws an SvidError whose `code` and `rule` say why it is refused. */
export async function callerOf(token: string, bundles: JwtBundleSource, atMs: number): Promise<string> {
  const svid = await verifyJwtSvid(token, bundles, { audience: 'service-registry.neural-hive.local', atMs })
  return svid.id.path
}
