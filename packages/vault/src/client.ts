/**
 * One Vault server, as one token sees it.
 * @module
 */
import { type Clock, systemClock } from '@chaveiro/rotation'
import { Database } from './database.js'
import { VaultError } from './errors.js'
import { KvV2 } from './kv.js'
import { Leases } from './leases.js'
import type { VaultRequest, VaultResponse } from './request.js'
import { Requester, type TokenProvider } from './requester.js'
import { Sys } from './sys.js'
import { TokenApi } from './token.js'
import { type ClientCertificate, type HttpExchange, Transport } from './transport.js'

export interface VaultClientOptions {
  /** For instance `https://vault.example.org:8200`; a path is kept before `/v1`. */
  readonly address: string
  /** Sent with every request as `X-Vault-Namespace`. Default: none. */
  readonly namespace?: string
  /** CA certificates as PEM, in place of those of the system. */
  readonly ca?: string
  /** Shown to a server that asks for one. */
  readonly clientCertificate?: ClientCertificate
  /** For a whole request, its retries included, in milliseconds, 100 to 600 000. Default 10 000. */
  readonly timeoutMs?: number
  /** Origins that a redirect may lead to, with the token. Default: only that of the address. */
  readonly allowedRedirectOrigins?: readonly string[]
  /** The token, asked for at each request. Default: none. */
  readonly token?: TokenProvider
  /** Largest answer that is read, in bytes. Default 16 MiB. */
  readonly maxResponseBytes?: number
  /** Carries the requests in place of HTTP connections of our own: a simulation, say. It is closed with the client. */
  readonly transport?: HttpExchange
  /** Default: the clocks of this process. */
  readonly clock?: Clock
}

export interface WithTokenOptions {
  /**
   * Called when Vault does not know the token any more. Once it resolves, the request is made again with the token
   * of that moment, if it is an idempotent read; every other request fails.
   */
  readonly onTokenInvalid?: (signal: AbortSignal | undefined) => Promise<void>
}

/** A derived client works through the connections of the one it came from. */
interface Parent {
  readonly requester: Requester
  readonly address: string
  readonly clock: Clock
  readonly onTokenInvalid: WithTokenOptions['onTokenInvalid']
}

/**
 * Talks to Vault's HTTP API. It follows no redirect to a foreign origin, repeats nothing but idempotent reads, and
 * keeps nothing: what must stay alive belongs to a `VaultSession`.
 */
export class VaultClient implements AsyncDisposable {
  /** As given. */
  readonly address: string
  readonly clock: Clock
  readonly token: TokenApi
  readonly leases: Leases
  readonly sys: Sys
  readonly #requester: Requester
  readonly #provider: TokenProvider | undefined
  readonly #parent: Parent | undefined

  /** @throws {TypeError | RangeError} for an address or a bound that cannot be used */
  constructor(options: VaultClientOptions)
  /** @internal */
  constructor(options: Pick<VaultClientOptions, 'token'>, parent: Parent)
  constructor(options: VaultClientOptions | Pick<VaultClientOptions, 'token'>, parent?: Parent) {
    const { requester, address, clock } = parent ?? open(options as VaultClientOptions)
    this.#requester = requester
    this.#provider = options.token
    this.#parent = parent
    this.address = address
    this.clock = clock
    this.token = new TokenApi(this)
    this.leases = new Leases(this)
    this.sys = new Sys(this, (state) => requester.seen(state))
  }

  /** The same server with another token, through the same connections; closing it closes nothing. */
  withToken(token: TokenProvider, { onTokenInvalid }: WithTokenOptions = {}): VaultClient {
    const { address, clock } = this
    return new VaultClient({ token }, { requester: this.#requester, address, clock, onTokenInvalid })
  }

  /**
   * The low floor: any request to the API.
   * @throws {VaultError} for every answer that is no success, and for none; the signal's reason when it aborts
   */
  async request<T>(request: VaultRequest): Promise<VaultResponse<T>> {
    try {
      return await this.#requester.perform<T>(request, this.#provider)
    } catch (error) {
      const recover = this.#parent?.onTokenInvalid
      const mayRepeat = request.idempotent && error instanceof VaultError && error.code === 'ERR_VAULT_TOKEN_INVALID'
      if (!recover || !mayRepeat) throw error
      await recover(request.signal)
      return await this.#requester.perform<T>(request, this.#provider)
    }
  }

  /** KV version 2 at a mount. Default `secret`. */
  kv(mount = 'secret'): KvV2 {
    return new KvV2(this, mount)
  }

  /** The database secrets engine at a mount. Default `database`. */
  database(mount = 'database'): Database {
    return new Database(this, mount)
  }

  /** Ends the connections; requests in flight fail. Calling it again is harmless. */
  async close(): Promise<void> {
    if (!this.#parent) await this.#requester.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function open(options: VaultClientOptions): Omit<Parent, 'onTokenInvalid'> {
  const { address, namespace, ca, clientCertificate, allowedRedirectOrigins = [], clock = systemClock } = options
  const timeoutMs = within('timeoutMs', options.timeoutMs ?? 10_000, 100, 600_000)
  const maxResponseBytes = within('maxResponseBytes', options.maxResponseBytes ?? 16 * 1024 * 1024, 1024, 2 ** 30)
  const url = addressOf(address)
  const transport =
    options.transport ??
    new Transport({ address: url, ca, clientCertificate, allowedRedirectOrigins, maxResponseBytes })
  return { requester: new Requester({ transport, clock, timeoutMs, namespace }), address, clock }
}

function addressOf(address: string): URL {
  let url: URL
  try {
    url = new URL(address)
  } catch {
    throw new TypeError(`the address of Vault must be a URL such as https://vault.example.org:8200, got ${address}`)
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new TypeError(`the address of Vault must begin with https:// or http://, got ${url.protocol}`)
  }
  // A user name would end up in logs; Vault knows none.
  if (url.username || url.password || url.search || url.hash) {
    throw new TypeError('the address of Vault has no user, no query and no fragment')
  }
  return url
}

function within(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value
  throw new RangeError(`${name} must be from ${least} to ${most}, got ${value}`)
}
