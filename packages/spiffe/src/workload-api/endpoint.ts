/**
 * The address of the Workload API.
 * @see SPIFFE_Workload_Endpoint.md, section 4
 * @module
 */
import { connect, isIP, isIPv6 } from 'node:net'
import { WorkloadApiError } from './errors.js'

/** Names the address when none is given explicitly. */
const endpointVariable = 'SPIFFE_ENDPOINT_SOCKET'

/** An address that obeys the specification. */
export type WorkloadEndpoint =
  | { readonly scheme: 'unix'; readonly path: string; readonly text: string }
  | { readonly scheme: 'tcp'; readonly host: string; readonly port: number; readonly text: string }

export interface EndpointOptions {
  /** `unix:///run/spire/agent.sock` or `tcp://127.0.0.1:8081`. Default: the variable `SPIFFE_ENDPOINT_SOCKET`. */
  endpoint?: string
  /** Where the variable is read from. */
  env: Readonly<Record<string, string | undefined>>
  /** Allows a TCP address that is not loopback: the network must then authenticate source addresses. */
  allowRemoteTcp?: boolean
}

const bothForms = 'Use unix:///absolute/path/of.sock, or tcp://127.0.0.1:port.'

/**
 * Finds the address: the explicit one first, then the variable.
 * @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_ENDPOINT`
 */
export function findEndpoint({ endpoint, env, allowRemoteTcp = false }: EndpointOptions): WorkloadEndpoint {
  const text = endpoint ?? env[endpointVariable]
  if (text === undefined || text === '') {
    const where = endpoint === undefined ? `${endpointVariable} is not set` : 'it is empty'
    throw new WorkloadApiError('ERR_WORKLOAD_API_BAD_ENDPOINT', `no address of the Workload API: ${where}`, {
      cure: `Set ${endpointVariable} (for instance unix:///run/spire/agent-sockets/api.sock), or give \`endpoint\`.`,
    })
  }
  const parsed = parseEndpoint(text)
  if (parsed.scheme === 'tcp' && !allowRemoteTcp && !isLoopback(parsed.host)) {
    throw bad(text, 'a TCP address must be loopback: anyone on the network could ask for this identity', {
      cure: 'Use a unix socket, or set `allowRemoteTcp` when the network authenticates source addresses.',
    })
  }
  return parsed
}

/** @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_ENDPOINT` */
function parseEndpoint(text: string): WorkloadEndpoint {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase()
  const rest = text.slice((scheme ?? '').length + 1)
  if (scheme === 'unix') return parseUnix(text, rest)
  if (scheme === 'tcp') return parseTcp(text, rest)
  throw bad(text, scheme === undefined ? 'it has no scheme' : `scheme "${scheme}" is neither unix nor tcp`)
}

function parseUnix(text: string, rest: string): WorkloadEndpoint {
  if (/[?#]/.test(rest)) throw bad(text, 'a unix address has no query and no fragment')
  if (/^\/\/[^/]/.test(rest)) {
    throw bad(text, `"${rest.slice(2).split('/')[0]}" stands where a host would`, {
      cure: `Three slashes are needed: unix:///${rest.slice(2)}`,
    })
  }
  const path = rest.startsWith('//') ? rest.slice(2) : rest
  if (!path.startsWith('/') || path === '/') throw bad(text, 'a unix address needs an absolute path')
  if (path.includes('\0')) throw bad(text, 'the path holds a zero byte')
  return { scheme: 'unix', path, text: `unix://${path}` }
}

function parseTcp(text: string, rest: string): WorkloadEndpoint {
  const parts = /^\/\/(?:\[([^\]]*)\]|([^:/?#@]*)):(\d{1,5})$/.exec(rest)
  if (!parts) throw bad(text, 'a tcp address is an IP address and a port, and nothing else')
  const host = parts[1] ?? parts[2] ?? ''
  const port = Number(parts[3])
  if (isIP(host) === 0 || (parts[1] !== undefined) !== isIPv6(host)) {
    throw bad(text, 'the host of a tcp address is an IP address (IPv6 in brackets), not a name')
  }
  if (port < 1 || port > 65_535) throw bad(text, `${port} is not a port`)
  return { scheme: 'tcp', host, port, text: `tcp://${isIPv6(host) ? `[${host}]` : host}:${port}` }
}

function bad(text: string, reason: string, { cure = bothForms } = {}): WorkloadApiError {
  return new WorkloadApiError(
    'ERR_WORKLOAD_API_BAD_ENDPOINT',
    `Workload API address ${JSON.stringify(text)}: ${reason}`,
    {
      cure,
    },
  )
}

const isLoopback = (host: string): boolean => /^127\./.test(host) || host === '::1'

/** The name that `@grpc/grpc-js` has for the address. */
export function grpcTarget(endpoint: WorkloadEndpoint): string {
  if (endpoint.scheme === 'unix') return `unix:${endpoint.path}`
  return isIPv6(endpoint.host) ? `ipv6:[${endpoint.host}]:${endpoint.port}` : `ipv4:${endpoint.host}:${endpoint.port}`
}

/**
 * Why nothing can be reached at a unix socket, found by trying: gRPC tells it only in prose.
 * @returns the system's error code (`ENOENT`, `EACCES`, `ECONNREFUSED`, …); `undefined` when it can be reached, or
 *   is no unix socket
 */
export function trySocket(endpoint: WorkloadEndpoint): Promise<string | undefined> {
  if (endpoint.scheme !== 'unix') return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const socket = connect(endpoint.path)
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    socket.once('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
  })
}
