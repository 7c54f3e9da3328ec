/**
 * HTTP: one pool of keep-alive connections, redirects by hand, bodies with a bound. It knows nothing of Vault's API.
 * @module
 */
import type { Secret } from '@chaveiro/rotation'
import { Agent, type Dispatcher } from 'undici'
import type { VaultMethod } from './request.js'

/** The certificate that this client shows, and its key. */
export interface ClientCertificate {
  /** PEM, leaf first. */
  readonly chain: string
  /** PEM. */
  readonly privateKey: Secret
}

export interface TransportOptions {
  readonly address: URL
  /** CA certificates as PEM, in place of those of the system. */
  readonly ca?: string | undefined
  readonly clientCertificate?: ClientCertificate | undefined
  /** Origins beside the address's own that a redirect may lead to. */
  readonly allowedRedirectOrigins: readonly string[]
  readonly maxResponseBytes: number
}

export interface HttpRequest {
  readonly method: Exclude<VaultMethod, 'LIST'>
  /** Path and query, below the address. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

export interface HttpResponse {
  readonly status: number
  readonly body: string
  /** The header `Retry-After`, as it came. */
  readonly retryAfter: string | undefined
}

/** What carries requests to Vault and answers back. */
export interface HttpExchange {
  /**
   * One request, one whole answer, whatever its status.
   * @throws the signal's reason when it aborts, what broke the connection otherwise; an error's `code` that names
   *   a failure to connect (`ECONNREFUSED`) tells that nothing was sent
   */
  exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>
  close(): Promise<void>
}

/** Something came back that is not to be used. */
export class TransportRefusal extends Error {
  constructor(
    readonly reason: 'redirect' | 'too-large',
    message: string,
  ) {
    super(message)
  }
}

const longestRedirectChain = 3
/** To one origin; further requests wait for one that is free. */
const mostConnections = 32

export class Transport implements HttpExchange {
  readonly #agent: Agent
  readonly #address: URL
  readonly #origins: ReadonlySet<string>
  readonly #maxResponseBytes: number

  constructor({ address, ca, clientCertificate, allowedRedirectOrigins, maxResponseBytes }: TransportOptions) {
    this.#address = address
    this.#origins = new Set([address.origin, ...allowedRedirectOrigins.map((origin) => new URL(origin).origin)])
    this.#maxResponseBytes = maxResponseBytes
    this.#agent = new Agent({
      connections: mostConnections,
      // Time is kept by the caller's clock and signal.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        ...(ca !== undefined && { ca }),
        ...(clientCertificate && { cert: clientCertificate.chain, key: clientCertificate.privateKey.expose() }),
      },
    })
  }

  /**
   * Sends a request and reads the whole answer.
   * @throws {TransportRefusal} for a redirect to a foreign origin or too large a body; undici's errors otherwise
   */
  async exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const prefix = this.#address.pathname.replace(/\/+$/, '')
    let url = new URL(`${prefix}${request.target}`, this.#address.origin)
    for (let hops = 0; ; hops += 1) {
      const response = await this.#send(url, request, signal)
      const { statusCode: status, headers } = response
      if (status < 300 || status >= 400) return this.#read(response)
      await response.body.dump()
      url = this.#redirected(url, status, headers.location, hops)
    }
  }

  /** Ends all connections; requests in flight fail. */
  close(): Promise<void> {
    return this.#agent.destroy()
  }

  #send(url: URL, { method, headers, body }: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { origin, pathname, search } = url
    return this.#agent.request({ origin, path: `${pathname}${search}`, method, headers, body: body ?? null, signal })
  }

  /** Vault's standby nodes answer 307; the method, the body and the token stay, so the origin must be a known one. */
  #redirected(from: URL, status: number, location: string | string[] | undefined, hops: number): URL {
    const to = typeof location === 'string' ? parse(location, from) : undefined
    const refuse = (why: string): TransportRefusal => new TransportRefusal('redirect', `HTTP ${status}: ${why}`)
    if (to === undefined) throw refuse('a redirect without a place to go to')
    if (status !== 307 && status !== 308) throw refuse(`a redirect that would change the request, to ${to.origin}`)
    if (!this.#origins.has(to.origin)) throw refuse(`${to.origin} is not an allowed origin`)
    if (hops >= longestRedirectChain) throw refuse('redirects without end')
    return to
  }

  async #read({ statusCode: status, headers, body }: Dispatcher.ResponseData): Promise<HttpResponse> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > this.#maxResponseBytes) {
        // Leaving the loop destroys the rest of the body, and its connection.
        throw new TransportRefusal('too-large', `HTTP ${status}: more than ${this.#maxResponseBytes} bytes`)
      }
      chunks.push(chunk)
    }
    const retryAfter = headers['retry-after']
    return {
      status,
      body: Buffer.concat(chunks).toString('utf8'),
      retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
    }
  }
}

function parse(location: string, base: URL): URL | undefined {
  try {
    return new URL(location, base)
  } catch {
    return undefined
  }
}
