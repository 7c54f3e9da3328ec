/**
 * Data on stdout: as text for people, as JSON for machines.
 * @module
 */
import { type Command, Option } from 'commander'
import type { Terminal } from './terminal.js'

export type OutputFormat = 'text' | 'json'

/** Adds `--output text|json`. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how to print the result').choices(['text', 'json']).default('text'),
  )
}

/** Prints `data` as JSON, or as the lines that `text` makes of it. */
export function print<T>(
  terminal: Terminal,
  format: OutputFormat,
  data: T,
  text: (data: T) => readonly string[],
): void {
  const body = format === 'json' ? JSON.stringify(data, null, 2) : text(data).join('\n')
  terminal.stdout.write(`${body}\n`)
}

/** Adds examples under a command's help. */
export function withExamples(
  command: Command,
  examples: readonly (readonly [command: string, meaning: string])[],
): Command {
  const lines = examples.map(([line, meaning]) => `  ${meaning}\n    $ ${line}`)
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}
