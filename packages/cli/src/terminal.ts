/**
 * Where a command reads and writes, and whether colour and a live view have a place there.
 * @module
 */
import type { Readable, Writable } from 'node:stream'
import { styleText } from 'node:util'

/** The world of one run of the command. Tests hand in their own. */
export interface Terminal {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts when the user asks to stop (Ctrl-C, SIGTERM). */
  readonly stop: AbortSignal
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** Paints text, or leaves it plain. */
export type Paint = (style: Style, text: string) => string

/** Colour only where a person looks: on a terminal, and not when `NO_COLOR` is set (https://no-color.org). */
export function paintFor({ stderr, env }: Terminal): Paint {
  const colour = stderr.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  return colour ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text
}
