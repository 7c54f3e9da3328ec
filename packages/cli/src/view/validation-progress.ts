/**
 * One line that says what a validation is looking at, or waiting for and why. Only where a person looks, but for
 * waiting, which is told everywhere.
 * @module
 */
import type { CheckProgress } from '@chaveiro/operations'
import type { Terminal } from '../terminal.js'
import { LiveScreen } from './live-screen.js'

export class ValidationProgress {
  readonly #screen: LiveScreen | undefined
  readonly #stderr: Terminal['stderr']
  #told = ''

  constructor(terminal: Terminal) {
    this.#stderr = terminal.stderr
    this.#screen = terminal.stderr.isTTY ? new LiveScreen(terminal) : undefined
  }

  readonly show = (progress: CheckProgress): void => {
    if (progress.kind === 'checking') {
      if (this.#told === '') this.#screen?.draw([`looking: ${progress.check.code} ${progress.check.state}`])
      return
    }
    const [first] = progress.results
    if (!first) return
    const more = progress.results.length > 1 ? ` and ${progress.results.length - 1} more` : ''
    const what = `waiting until ${first.state} (${first.code})${more}: ${first.cause}`
    if (this.#screen) this.#screen.draw([`${what}; since ${Math.round(progress.waitedMs / 1000)} s`])
    else if (what !== this.#told) this.#stderr.write(`${what}\n`)
    this.#told = what
  }

  close(): void {
    this.#screen?.draw([])
    this.#screen?.close()
  }
}
