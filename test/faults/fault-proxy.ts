/**
 * A proxy on loopback between a client and a server, TCP or unix socket, that does to connections what networks do.
 */
import { rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Clock, sleep, systemClock } from '@chaveiro/rotation'

/** Towards the server, towards the client. */
export type Direction = 'up' | 'down'

/** A port of 127.0.0.1, or the path of a socket. */
export type Place = number | string

/** What happens to every connection while it is set. The default: nothing. */
export interface Weather {
  /** New connections are refused by a reset, those that exist are reset. */
  readonly reset?: boolean
  /** What goes this way is swallowed; the connection stays. */
  readonly swallow?: readonly Direction[]
  /** Added to each piece, either way. */
  readonly delayMs?: number
  /** Pieces of at most so many bytes. */
  readonly sliceBytes?: number
  /** Resets a connection once so many bytes of an answer have passed. */
  readonly cutAfterBytes?: number
  /** For HTTP: answers this request itself, and the server never sees it. */
  readonly answer?: (request: string) => string | undefined
  /** For HTTP: the server does what this request asks, and its reply is lost by a reset. */
  readonly loseReply?: (request: string) => boolean
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  answered: number
  losing: boolean
}

export class FaultProxy implements AsyncDisposable {
  readonly place: Place
  /** Connections that were made through it. */
  connections = 0
  /** Pieces that went towards the server: for HTTP, requests. */
  requests = 0
  #weather: Weather = {}
  readonly #pairs = new Set<Pair>()
  readonly #server: Server
  readonly #clock: Clock

  /** @param at - a free port by default, else the path of a socket to be made */
  static async start(target: () => Place, at: Place = 0, clock: Clock = systemClock): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true })
    await new Promise<void>((resolve) => {
      if (typeof at === 'number') server.listen(at, '127.0.0.1', resolve)
      else server.listen(at, resolve)
    })
    return new FaultProxy(server, target, clock)
  }

  private constructor(server: Server, target: () => Place, clock: Clock) {
    this.#server = server
    this.#clock = clock
    const address = server.address()
    this.place = typeof address === 'string' ? address : (address?.port ?? 0)
    server.on('connection', (client) => this.#join(client, target()))
  }

  set weather(weather: Weather) {
    this.#weather = weather
    if (weather.reset) for (const pair of this.#pairs) end(pair)
    // What was swallowed is lost for good: those connections would wait for it.
    if (weather.swallow === undefined) for (const pair of this.#pairs) if (pair.losing) end(pair)
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) end(pair)
    await new Promise((resolve) => this.#server.close(resolve))
    if (typeof this.place === 'string') await rm(this.place, { force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #join(client: Socket, target: Place): void {
    this.connections += 1
    client.on('error', () => undefined)
    if (this.#weather.reset) {
      cut(client)
      return
    }
    const server = typeof target === 'number' ? connect(target, '127.0.0.1') : connect(target)
    const pair: Pair = { client, server, answered: 0, losing: false }
    this.#pairs.add(pair)
    server.on('error', () => end(pair))
    client.on('data', (piece) => this.#up(pair, piece))
    server.on('data', (piece) => this.#down(pair, piece))
    client.on('end', () => server.end())
    server.on('end', () => client.end())
    for (const socket of [client, server]) {
      socket.on('close', () => {
        this.#pairs.delete(pair)
        client.destroy()
        server.destroy()
      })
    }
  }

  #up(pair: Pair, piece: Buffer): void {
    const { answer, loseReply, swallow } = this.#weather
    this.requests += 1
    const text = answer || loseReply ? piece.toString('latin1') : ''
    const own = answer?.(text)
    if (own !== undefined) {
      pair.client.end(own)
    } else if (swallow?.includes('up')) pair.losing = true
    else {
      if (loseReply?.(text)) pair.losing = true
      void this.#pass(pair.server, piece)
    }
  }

  #down(pair: Pair, piece: Buffer): void {
    const { cutAfterBytes, swallow } = this.#weather
    if (swallow?.includes('down')) {
      pair.losing = true
      return
    }
    if (pair.losing) {
      end(pair)
      return
    }
    pair.answered += piece.length
    if (cutAfterBytes !== undefined && pair.answered > cutAfterBytes) {
      pair.client.write(piece.subarray(0, cutAfterBytes), () => end(pair))
      return
    }
    void this.#pass(pair.client, piece)
  }

  async #pass(to: Socket, piece: Buffer): Promise<void> {
    const { delayMs = 0, sliceBytes = piece.length } = this.#weather
    if (delayMs > 0) await sleep(this.#clock, delayMs)
    for (let at = 0; at < piece.length; at += sliceBytes)
      if (!to.destroyed) to.write(piece.subarray(at, at + sliceBytes))
  }
}

function end({ client, server }: Pair): void {
  cut(client)
  server.destroy()
}

/** A unix socket knows no reset. */
function cut(client: Socket): void {
  if (client.remoteAddress === undefined) client.destroy()
  else client.resetAndDestroy()
}

/** A whole HTTP answer, as a proxy in the middle gives it. */
export function httpAnswer(status: string, type: string, body: string, length = body.length): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`
}
