/**
 * The keys of the development trust domain over HTTP on loopback, for verifiers that speak OpenID Connect
 * discovery, such as Vault. What is answered is what SPIRE's discovery provider answers.
 * @module
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { DevAuthority } from '../authority/dev-authority.js'

const uncached = { 'content-type': 'application/json', 'cache-control': 'no-cache, no-store, must-revalidate' }

export class DiscoveryServer {
  readonly #server: Server
  readonly #authority: DevAuthority
  #issuer = ''

  private constructor(authority: DevAuthority) {
    this.#authority = authority
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  static async start(authority: DevAuthority): Promise<DiscoveryServer> {
    const discovery = new DiscoveryServer(authority)
    discovery.#server.listen(0, '127.0.0.1')
    await once(discovery.#server, 'listening')
    discovery.#issuer = `http://127.0.0.1:${(discovery.#server.address() as AddressInfo).port}`
    return discovery
  }

  /** For instance `http://127.0.0.1:34567`. */
  get issuer(): string {
    return this.#issuer
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #answer({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
    const body = this.#bodyOf(url ?? '')
    // A page of another origin must not reach it under a name of its own.
    const code = !isLoopbackName(headers.host) ? 400 : body === undefined ? 404 : isRead(method) ? 200 : 405
    if (code === 200) response.writeHead(200, uncached).end(method === 'GET' ? body : undefined)
    else response.writeHead(code).end()
  }

  #bodyOf(path: string): string | undefined {
    if (path === '/keys') return this.#authority.discoveryJwks()
    if (path !== '/.well-known/openid-configuration') return undefined
    return JSON.stringify({
      issuer: this.issuer,
      jwks_uri: `${this.issuer}/keys`,
      authorization_endpoint: '',
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'ES256', 'ES384'],
    })
  }
}

const isLoopbackName = (host: string | undefined): boolean => /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host ?? '')
const isRead = (method: string | undefined): boolean => method === 'GET' || method === 'HEAD'
