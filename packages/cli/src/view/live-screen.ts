/**
 * Draws frames over one another on a terminal.
 * @module
 */
import type { Terminal } from '../terminal.js'

const csi = '\x1b['
const hideCursor = `${csi}?25l`
const showCursor = `${csi}?25h`
/** Erases from the cursor to the end of the line. */
const eraseLine = `${csi}K`
const eraseBelow = `${csi}J`

/** One live region at the foot of the terminal. {@link LiveScreen.line} prints above it. */
export class LiveScreen {
  readonly #out: Terminal['stderr']
  #drawn: readonly string[] = []

  constructor({ stderr }: Terminal) {
    this.#out = stderr
  }

  /** Replaces the frame. Lines that do not fit are cut, so that the cursor always finds its way back. */
  draw(lines: readonly string[]): void {
    const rows = Math.max(4, (this.#out.rows ?? 40) - 1)
    const shown = lines.slice(0, rows).map((line) => cut(line, (this.#out.columns ?? 120) - 1))
    this.#out.write(`${hideCursor}${this.#home()}${shown.map((line) => `${line}${eraseLine}\n`).join('')}${eraseBelow}`)
    this.#drawn = shown
  }

  /** Prints a line that stays, and the frame below it again. */
  line(text: string): void {
    const frame = this.#drawn
    this.#out.write(`${this.#home()}${eraseBelow}${text}\n`)
    this.#drawn = []
    if (frame.length > 0) this.draw(frame)
  }

  /** Leaves the last frame where it is and gives the cursor back. */
  close(): void {
    this.#out.write(showCursor)
    this.#drawn = []
  }

  #home(): string {
    return this.#drawn.length > 0 ? `\r${csi}${this.#drawn.length}A` : ''
  }
}

/** Cuts to a width in columns; colour codes take none. */
function cut(text: string, columns: number): string {
  let width = 0
  let out = ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with the csi character
  for (const [piece] of text.matchAll(/\x1b\[[0-9;]*m|./gu)) {
    if (piece.startsWith('\x1b')) out += piece
    else if (width < columns) {
      out += piece
      width += 1
    }
  }
  return out
}
