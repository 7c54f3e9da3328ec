/**
 * The admin server: metrics, health, rotations, the status page. Reads only, but for `POST /rotate` from this machine.
 * @module
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '@chaveiro/rotation'
import { IntegrationError } from '../errors.js'
import { EventStream } from './event-stream.js'
import { hostOf, isKnownHost, isLoopbackPeer } from './host-check.js'
import type { AdminSubject } from './report.js'
import { renderPage, renderUpdate } from './status-page.js'

export interface AdminServerOptions {
  /** The address to listen on; whether a remote one is meant was settled by the configuration. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Names besides `localhost` that a `Host` header may bear. */
  readonly hosts: readonly string[]
  readonly subject: AdminSubject
  readonly clock: Clock
}

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<Answer | undefined> | Answer | undefined

/** What a page may do: show itself, styled and moved by its own files, and talk to where it came from. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const headersOfAll: Readonly<Record<string, string>> = {
  'Content-Security-Policy': contentSecurityPolicy,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}

const json = (status: number, value: unknown, headers?: Readonly<Record<string, string>>): Answer => ({
  status,
  contentType: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
  ...(headers === undefined ? {} : { headers }),
})

const refusal = (status: number, error: string, cure: string, headers?: Readonly<Record<string, string>>): Answer =>
  json(status, { error, cure }, headers)

const asset = (file: string, contentType: string): Handler => {
  const body = readFileSync(new URL(`../../assets/${file}`, import.meta.url), 'utf8')
  return () => ({ status: 200, contentType, body })
}

/** Serves until closed. */
export class AdminServer implements AsyncDisposable {
  readonly #server: Server
  readonly #options: AdminServerOptions
  readonly #stream: EventStream
  readonly #routes: ReadonlyMap<string, Handler>
  #closed: Promise<void> | undefined

  /**
   * Resolves when it listens.
   * @throws {IntegrationError} ERR_INTEGRATION_ADMIN_ADDRESS_IN_USE, ERR_INTEGRATION_ADMIN_LISTEN
   */
  static async start(options: AdminServerOptions): Promise<AdminServer> {
    const admin = new AdminServer(options)
    await admin.#listen()
    return admin
  }

  private constructor(options: AdminServerOptions) {
    this.#options = options
    this.#stream = new EventStream(options.clock, () => renderUpdate(options.subject.report()))
    this.#routes = this.#buildRoutes()
    this.#server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
      void this.#answer(request, response)
    })
    this.#server.maxHeadersCount = 100
  }

  /** Where it listens: `127.0.0.1:9464`, `[::1]:9464`. */
  get address(): string {
    const { address, port, family } = this.#server.address() as AddressInfo
    return `${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  /** Ends running answers too. Calling it again is harmless. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#stream.close()
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #listen(): Promise<void> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)))
      this.#server.listen({ host, port, exclusive: true }, resolve)
    })
  }

  #buildRoutes(): ReadonlyMap<string, Handler> {
    const { subject } = this.#options
    return new Map<string, Handler>([
      ['GET /', (request) => this.#page(request)],
      ['GET /metrics', async () => ({ status: 200, ...(await subject.metrics()) })],
      ['GET /healthz', () => health(subject.liveness())],
      ['GET /readyz', () => health(subject.readiness())],
      ['GET /rotations', () => json(200, subject.report())],
      ['GET /events', (_request, response) => this.#openStream(response)],
      ['POST /rotate', (request) => this.#rotate(request)],
      ['GET /assets/status-page.css', asset('status-page.css', 'text/css; charset=utf-8')],
      ['GET /assets/status-page.js', asset('status-page.js', 'text/javascript; charset=utf-8')],
      ['GET /assets/icon.svg', asset('icon.svg', 'image/svg+xml')],
    ])
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(headersOfAll)) response.setHeader(name, value)
    let answer: Answer | undefined
    try {
      answer = await this.#route(request, response)
    } catch {
      answer = refusal(500, 'the answer could not be made', 'Read the log of the service.')
    }
    if (answer === undefined || response.destroyed) return
    const { status, contentType, body, headers } = answer
    response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body), ...headers })
    response.end(request.method === 'HEAD' ? undefined : body)
    // Nothing here takes a body; what is sent nevertheless is not kept.
    request.resume()
  }

  #route(request: IncomingMessage, response: ServerResponse): ReturnType<Handler> {
    if (!isKnownHost(request.headers.host, this.#options.hosts)) {
      return refusal(
        421,
        'this host name is not known here',
        'Call the address itself, or add the name to admin.hosts.',
      )
    }
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    // A stream has no head alone.
    const method = request.method === 'HEAD' && path !== '/events' ? 'GET' : (request.method ?? 'GET')
    const handler = this.#routes.get(`${method} ${path}`)
    if (handler !== undefined) return handler(request, response)
    const allowed = ['GET', 'POST'].filter((other) => this.#routes.has(`${other} ${path}`))
    if (allowed.length === 0) return refusal(404, 'there is nothing here', 'See / for what is served.')
    return refusal(405, `this takes ${allowed.join(', ')}`, 'Use that method.', { Allow: allowed.join(', ') })
  }

  #page(request: IncomingMessage): Answer {
    const mayRotate = isFromThisMachine(request)
    return {
      status: 200,
      contentType: 'text/html; charset=utf-8',
      body: renderPage(this.#options.subject.report(), mayRotate),
    }
  }

  #openStream(response: ServerResponse): Answer | undefined {
    const taken = this.#stream.add(response)
    return taken ? undefined : refusal(503, 'too many pages are open', 'Close one of them.', { 'Retry-After': '10' })
  }

  /** A page of another site cannot set the header without a preflight, which finds no OPTIONS here. */
  async #rotate(request: IncomingMessage): Promise<Answer> {
    if (!isFromThisMachine(request)) {
      return refusal(403, 'only this machine may ask for that', 'Call it on a loopback address, or send SIGHUP.')
    }
    const { origin, host, 'x-chaveiro-request': intent, 'sec-fetch-site': site } = request.headers
    const foreign =
      (origin !== undefined && origin !== `http://${host}`) || (site !== undefined && site !== 'same-origin')
    if (foreign || intent !== 'rotate') {
      return refusal(403, 'the request does not show that it is meant', 'Send the header X-Chaveiro-Request: rotate.')
    }
    const report = await this.#options.subject.rotate()
    return json(report.failed.length === 0 ? 200 : 502, report)
  }
}

const health = (report: ReturnType<AdminSubject['readiness']>): Answer =>
  json(report.status === 'alive' || report.status === 'ready' ? 200 : 503, report)

const isFromThisMachine = (request: IncomingMessage): boolean =>
  isLoopbackPeer(request.socket.remoteAddress) && isLoopbackPeer(hostOf(request.headers.host))

function listenError(error: NodeJS.ErrnoException, host: string, port: number): IntegrationError {
  if (error.code === 'EADDRINUSE') {
    return new IntegrationError(
      'ERR_INTEGRATION_ADMIN_ADDRESS_IN_USE',
      `the admin address ${host}:${port} is taken by another process`,
      { cure: 'Set CHAVEIRO_ADMIN_ADDRESS to another port, or to port 0 for any free one.', cause: error },
    )
  }
  return new IntegrationError(
    'ERR_INTEGRATION_ADMIN_LISTEN',
    `cannot listen on the admin address ${host}:${port} (${error.code ?? 'unknown error'})`,
    {
      cure: 'Set CHAVEIRO_ADMIN_ADDRESS to an address of this machine and a port that this user may open.',
      cause: error,
    },
  )
}
