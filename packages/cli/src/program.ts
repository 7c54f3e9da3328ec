/**
 * The tree of commands.
 * @module
 */
import { Command } from 'commander'
import { addApplyCommand } from './commands/apply.js'
import { addCompletionCommand } from './commands/completion.js'
import { addDemoCommand } from './commands/demo.js'
import { addDevCommand } from './commands/dev.js'
import { addEmergencyCommand } from './commands/emergency.js'
import { addIdCommand } from './commands/id.js'
import { addPlanCommand } from './commands/plan.js'
import { addSvidCommand } from './commands/svid.js'
import { addTokenCommand } from './commands/token.js'
import { addValidateCommand } from './commands/validate.js'
import { addWhyCommand } from './commands/why.js'
import type { Outcome } from './outcome.js'
import type { Terminal } from './terminal.js'
import { version } from './version.js'

/** Builds every command around one terminal. Errors are thrown, never exits: `main` decides. */
export function buildProgram(terminal: Terminal, outcome: Outcome): Command {
  const program = new Command('chaveiro')
    .description('Gives a service its keys and changes the locks before they wear out.')
    .version(version)
    .showHelpAfterError('(add --help for the options and examples)')
    .showSuggestionAfterError()
  for (const add of [
    addDemoCommand,
    addDevCommand,
    addPlanCommand,
    addApplyCommand,
    addValidateCommand,
    addWhyCommand,
    addEmergencyCommand,
    addTokenCommand,
    addIdCommand,
    addSvidCommand,
    addCompletionCommand,
  ]) {
    add(program, terminal, outcome)
  }
  return overWholeTree(program, (command) =>
    command.exitOverride().configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    }),
  )
}

function overWholeTree(command: Command, change: (command: Command) => unknown): Command {
  change(command)
  for (const child of command.commands) overWholeTree(child, change)
  return command
}
