/**
 * Server-sent events: the status page's live line. One timer serves every page that is open, and none is set while
 * no page is.
 * @module
 */
import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '@chaveiro/rotation'

/** How often the lives on open pages are redrawn, in milliseconds. */
const redrawMs = 1000
/** More pages than anybody looks at; a page that is not closed properly must not cost for ever. */
const mostListeners = 32
/** A page that reads this slowly, in bytes not yet taken, is sent away; it comes back by itself. */
const mostBuffered = 1_048_576

export class EventStream {
  readonly #listeners = new Set<ServerResponse>()
  readonly #clock: Clock
  readonly #state: () => unknown
  #timer: Timer | undefined

  /** @param state - what an open page is to show; called only while there is one */
  constructor(clock: Clock, state: () => unknown) {
    this.#clock = clock
    this.#state = state
  }

  /** Takes over a response whose headers are not sent yet. @returns false when there are too many already */
  add(response: ServerResponse): boolean {
    if (this.#listeners.size >= mostListeners) return false
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write('retry: 1000\n\n')
    this.#listeners.add(response)
    response.once('close', () => this.#listeners.delete(response))
    this.#send()
    return true
  }

  /** Ends every page's line. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const response of this.#listeners) response.end()
    this.#listeners.clear()
  }

  #send(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#listeners.size === 0) return
    const message = `event: state\ndata: ${JSON.stringify(this.#state())}\n\n`
    for (const response of this.#listeners) {
      if (response.writableLength > mostBuffered) response.destroy()
      else response.write(message)
    }
    this.#timer = this.#clock.schedule(redrawMs, () => this.#send())
  }
}
