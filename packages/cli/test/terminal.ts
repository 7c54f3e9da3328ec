/**
 * A terminal in memory, for tests of the command.
 * @module
 */
import { PassThrough, Readable } from 'node:stream'
import { main } from '../src/main.js'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command and gathers what it printed. */
export async function run(
  args: readonly string[],
  options: { stdin?: string; tty?: boolean; env?: object } = {},
): Promise<Ran> {
  const stdout = new PassThrough()
  const stderr = Object.assign(new PassThrough(), { isTTY: options.tty ?? false })
  const printed = { stdout: '', stderr: '' }
  stdout.on('data', (chunk) => {
    printed.stdout += chunk
  })
  stderr.on('data', (chunk) => {
    printed.stderr += chunk
  })
  const code = await main(args, {
    stdin: Readable.from([options.stdin ?? '']),
    stdout,
    stderr,
    env: { ...options.env },
    stop: new AbortController().signal,
  })
  return { code, ...printed }
}
