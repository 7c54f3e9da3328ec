/**
 * An HTTP server on loopback that answers as a test says, and remembers what it was asked.
 * @module
 */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export type Answerer = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void

export class LoopbackServer implements AsyncDisposable {
  readonly asked: Asked[] = []
  answer: Answerer
  readonly #server = createServer((request, response) => void this.#respond(request, response))

  private constructor(answer: Answerer) {
    this.answer = answer
  }

  static async start(answer: Answerer): Promise<LoopbackServer> {
    const server = new LoopbackServer(answer)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url, headers } = request
    const asked = { method, url, headers, body: await text(request) }
    this.asked.push(asked)
    this.answer(asked, response, request)
  }
}

/** Answers with JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answerer {
  return (_asked, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** Answers with each of these in turn, the last one for ever. */
export function inTurn(...answers: Answerer[]): Answerer {
  let next = 0
  return (...given) => {
    answers[Math.min(next, answers.length - 1)]?.(...given)
    next += 1
  }
}
