/**
 * Says how a long build goes: one live line on a terminal, else a line every 20 seconds.
 * @module
 */

const quietIntervalMs = 20_000

/** `72` as `1m12s`. @param {number} seconds */
export const duration = (seconds) =>
  seconds < 60
    ? `${Math.round(seconds)}s`
    : `${Math.floor(seconds / 60)}m${String(Math.floor(seconds % 60)).padStart(2, '0')}s`

export class Progress {
  #label
  #output
  #startedMs = Date.now()
  #saidMs = 0
  #text = ''
  #timer

  /** @param {string} label @param {NodeJS.WriteStream} output */
  constructor(label, output) {
    this.#label = label
    this.#output = output
    this.#timer = setInterval(() => this.#tick(), 500)
  }

  get seconds() {
    return (Date.now() - this.#startedMs) / 1000
  }

  /** What is being done right now. */
  show(text) {
    this.#text = text
    if (this.#saidMs === 0) this.#tick()
  }

  /** A line that stays. */
  say(text) {
    this.#clearLine()
    this.#output.write(`${this.#label}: ${text}\n`)
  }

  end() {
    clearInterval(this.#timer)
    this.#clearLine()
  }

  #tick() {
    const line = `${this.#label}: ${this.#text} (${duration(this.seconds)})`
    if (this.#output.isTTY) {
      this.#clearLine()
      this.#output.write(line.slice(0, (this.#output.columns ?? 80) - 1))
    } else if (Date.now() - this.#saidMs >= quietIntervalMs) {
      this.#output.write(`${line}\n`)
    } else {
      return
    }
    this.#saidMs = Date.now()
  }

  #clearLine() {
    if (this.#output.isTTY) this.#output.write('\r\x1b[K')
  }
}
