/**
 * The demo without a terminal: what happens, one line each, and the counts every few seconds.
 * @module
 */
import type { PlatformView } from '@chaveiro/dev'

const countsEveryMs = 5000

/** Turns a row of views into lines; each happening is told once. */
export class DemoLog {
  readonly #print: (line: string) => void
  #told = 0
  #lastCountsMs = Number.NEGATIVE_INFINITY

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  view({ elapsedMs, happenings, happened, queries, calls }: PlatformView): void {
    for (const { atMs, service, text } of happenings.slice(happenings.length - (happened - this.#told))) {
      this.#print(`${seconds(atMs)}  ${service}: ${text}`)
    }
    this.#told = happened
    if (elapsedMs - this.#lastCountsMs < countsEveryMs) return
    this.#lastCountsMs = elapsedMs
    this.#print(
      `${seconds(elapsedMs)}  queries ${queries.done} done, ${queries.failed} failed; calls ${calls.accepted} accepted, ` +
        `${calls.refusedAsExpected} refused as expected, ${calls.failed} failed`,
    )
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1).padStart(6)}s`
