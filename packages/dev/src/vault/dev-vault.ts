/**
 * A Vault-compatible server for development and tests: on loopback, in memory, in this process.
 *
 * It keeps nothing, encrypts nothing, and knows only the part of Vault's API that Chaveiro uses; what it does know,
 * it does as Vault does. What narrows rights and is not enforced here is refused. Never for anything that matters.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, Secret, systemClock } from '@chaveiro/rotation'
import { randomName } from './random.js'
import { Refusal } from './refusal.js'
import type { Reply } from './reply.js'
import { type Answer, VaultCore } from './vault-core.js'

export interface DevVaultOptions {
  /** Default: the clocks of this process. */
  readonly clock?: Clock
  /** TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number
  /** Default: drawn at random. */
  readonly rootToken?: Secret
  /**
   * `dev`: initialised with one key share, unsealed, KV v2 at `secret/`. `blank`: neither initialised nor unsealed,
   * nothing mounted, as a new production server. Default `dev`.
   */
  readonly mode?: 'dev' | 'blank'
}

const host = '127.0.0.1'
const largestBodyBytes = 32 * 1024 * 1024

export class DevVault implements AsyncDisposable {
  /** Of mode `dev`; a `blank` server gives its own when it is initialised. */
  readonly rootToken: Secret
  readonly #core: VaultCore
  readonly #server: Server
  #closed: Promise<void> | undefined

  /** @throws when the port is taken */
  static async start({
    clock = systemClock,
    port = 0,
    rootToken,
    mode = 'dev',
  }: DevVaultOptions = {}): Promise<DevVault> {
    const core = new VaultCore(clock)
    const token = rootToken ?? new Secret(`hvs.${randomName(24)}`)
    if (mode === 'dev') core.startDev(token)
    const vault = new DevVault(core, token)
    vault.#server.listen(port, host)
    await once(vault.#server, 'listening')
    return vault
  }

  private constructor(core: VaultCore, rootToken: Secret) {
    this.#core = core
    this.rootToken = rootToken
    this.#server = createServer((request, response) => {
      this.#respond(request, response).catch(() => response.destroy())
    })
  }

  /** For instance `http://127.0.0.1:8200`. */
  get address(): string {
    return `http://${host}:${(this.#server.address() as AddressInfo).port}`
  }

  /** Base64; empty before the initialisation. */
  get unsealKeys(): readonly Secret[] {
    return this.#core.seal.shares.map((share) => new Secret(share))
  }

  /** Forgets everything. Users that were leased stay in their databases. Calling it again is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
    await this.#core.close()
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A page of another origin must not reach it under a name of its own.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) {
      response.writeHead(400).end()
      return
    }
    const requestId = randomUUID()
    try {
      const answer = await this.#answer(request)
      send(response, answer.status, bodyOf(answer, requestId, answer.mountType))
    } catch (error) {
      const refusal =
        error instanceof Refusal
          ? error
          : new Refusal(500, [`internal error: ${error instanceof Error ? error.message : String(error)}`])
      const { status, errors, reply } = refusal
      send(response, status, reply ? bodyOf(reply, requestId, '') : { errors })
    }
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { method = 'GET', headers } = request
    const { pathname, searchParams: query } = new URL(request.url ?? '/', this.address)
    if (!pathname.startsWith('/v1/')) throw new Refusal(404, [])
    const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
    const given = headers['x-vault-token']
    return this.#core.handle({
      method,
      path: decodeURIComponent(pathname.slice('/v1/'.length)),
      query,
      body: await readBody(request),
      contentType: headers['content-type'] ?? 'text/plain',
      token: (typeof given === 'string' ? given : undefined) ?? bearer,
    })
  }
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > largestBodyBytes) throw new Refusal(413, ['request body too large'])
    chunks.push(chunk)
  }
  if (size === 0) return {}
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  } catch {
    // Refused below, like JSON that is no object.
  }
  throw new Refusal(500, ['malformed JSON, unclosed containers'])
}

/** @returns undefined for an answer without a body */
function bodyOf(reply: Reply, requestId: string, mountType: string): unknown {
  const { data, auth, lease, warnings = [], bare, flat } = reply
  if (bare !== undefined) return bare
  if (data === undefined && auth === undefined && lease === undefined && warnings.length === 0) return undefined
  return {
    ...(flat && (data as object)),
    request_id: requestId,
    lease_id: lease?.id ?? '',
    renewable: lease?.renewable ?? false,
    lease_duration: lease?.ttlSeconds ?? 0,
    data: data ?? null,
    wrap_info: null,
    warnings: warnings.length > 0 ? warnings : null,
    auth: auth ?? null,
    mount_type: mountType,
  }
}

function send(response: ServerResponse, status: number | undefined, body: unknown): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (body === undefined) response.writeHead(status ?? 204, headers).end()
  else response.writeHead(status ?? 200, headers).end(`${JSON.stringify(body)}\n`)
}
