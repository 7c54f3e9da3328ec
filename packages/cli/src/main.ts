/**
 * The door of the command: arguments in, exit code out.
 * @module
 */
import { CommanderError } from 'commander'
import { exitCode, exitCodeOf, explain } from './exit-code.js'
import { buildProgram } from './program.js'
import { paintFor, type Terminal } from './terminal.js'

/**
 * Runs one command.
 * @param args - without the interpreter and the script
 * @returns the exit code: 0 done, 1 a check failed, 2 usage, 3 unreachable, 4 denied
 */
export async function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const outcome = { code: exitCode.ok as number }
  try {
    await buildProgram(terminal, outcome).parseAsync([...args], { from: 'user' })
    return outcome.code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage
    const paint = paintFor(terminal)
    const [first = '', ...rest] = explain(error)
    terminal.stderr.write(`${[paint('red', first), ...rest].join('\n')}\n`)
    if (terminal.env.CHAVEIRO_DEBUG && error instanceof Error) terminal.stderr.write(`${error.stack}\n`)
    return exitCodeOf(error)
  }
}

/** The process's own streams. The first Ctrl-C asks to stop; the second ends at once. */
function processTerminal(): Terminal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130)
      stop.abort(new Error(`stopped by ${signal}`))
    })
  }
  const { stdin, stdout, stderr, env } = process
  return { stdin, stdout, stderr, env, stop: stop.signal }
}
