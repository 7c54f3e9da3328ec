/**
 * Whether a channel's target stays on this machine, judged by its text alone. A JWT-SVID is a bearer token:
 * without TLS it goes to loopback and unix sockets only (JWT-SVID section 7).
 * @module
 * @see https://github.com/grpc/grpc/blob/master/doc/naming.md
 */
import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Scheme, then an authority (`dns://server/…`) that only says whom to ask, then the endpoints. */
const targetForm = /^(?:(unix|dns|ipv4|ipv6):)?(?:\/\/[^/]*\/)?(.*)$/

/** The host of `host:port`, `[v6]:port`, `v6` or `host`. */
function hostOf(endpoint: string): string {
  if (isIP(endpoint) === 6) return endpoint
  return /^\[(.*)\](?::\d+)?$/.exec(endpoint)?.[1] ?? endpoint.replace(/:\d+$/, '')
}

function isLoopbackHost(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host === 'localhost'
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/**
 * The address of the HTTP proxy that grpc-js takes from the environment, as it writes it into a target.
 * Such a channel's target names the proxy, and says nothing of where the call goes.
 */
function proxyEndpoint(env: NodeJS.ProcessEnv): string | undefined {
  const text = env.grpc_proxy || env.https_proxy || env.http_proxy
  if (!text || !URL.canParse(text)) return undefined
  const { hostname, port } = new URL(text)
  return `${hostname}:${port || '80'}`
}

/** True when every endpoint of `target` is a unix socket or a loopback address. */
export function isLocalTarget(target: string, env: NodeJS.ProcessEnv = process.env): boolean {
  const [, scheme = 'dns', path = ''] = targetForm.exec(target) ?? []
  if (scheme === 'unix') return path !== ''
  if (path === proxyEndpoint(env)) return false
  return path.split(',').every((endpoint) => isLoopbackHost(hostOf(endpoint)))
}
