/**
 * Which `Host` headers the admin address answers to. A page in a browser can point a name of its own at 127.0.0.1
 * (DNS rebinding) and would then read what only this machine should: such a request bears that name as its host.
 * @module
 */
import { isIP } from 'node:net'

/** The host of a `Host` header in lower case, without port and brackets; undefined when it is malformed. */
export function hostOf(header: string | undefined): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/i.exec(header ?? '') ?? []
  return (bracketed ?? plain)?.toLowerCase()
}

/** An address cannot be rebound, so any will do; a name must be `localhost` or one that was configured. */
export function isKnownHost(header: string | undefined, configured: readonly string[]): boolean {
  const host = hostOf(header)
  return host !== undefined && (host === 'localhost' || isIP(host) !== 0 || configured.includes(host))
}

/** Whether an address, as a socket or a `Host` header has it, is of this machine only. */
export function isLoopbackPeer(address: string | undefined): boolean {
  return address !== undefined && /^(localhost|::1|(::ffff:)?127(\.\d{1,3}){3})$/i.test(address)
}
