/**
 * Questions to the person at the terminal. Where nobody sits, nothing is asked and nothing is assumed.
 * @module
 */
import type { Writable } from 'node:stream'
import { Secret } from '@chaveiro/rotation'
import { confirm, isCancel, password } from '@clack/prompts'
import { UsageError } from './exit-code.js'
import type { Terminal } from './terminal.js'

/** Whether a person can be asked. */
export function canAsk({ stdin, stderr }: Terminal): boolean {
  return (stdin as { isTTY?: boolean }).isTTY === true && stderr.isTTY === true
}

/** @returns true for yes; anything else, Ctrl-C included, is no */
export async function askYesNo(terminal: Terminal, message: string): Promise<boolean> {
  return (await confirm({ message, initialValue: false, ...streams(terminal) })) === true
}

/**
 * Reads a value without an echo.
 * @throws {UsageError} when the person stops it
 */
export async function askHidden(terminal: Terminal, message: string): Promise<Secret> {
  const answer = await password({ message, ...streams(terminal) })
  if (isCancel(answer) || answer === '')
    throw new UsageError('no value was given', 'Nothing was changed; run it again.')
  return new Secret(answer)
}

function streams({ stdin, stderr, stop }: Terminal): {
  input: Terminal['stdin']
  output: Writable
  signal: AbortSignal
} {
  return { input: stdin, output: stderr, signal: stop }
}
