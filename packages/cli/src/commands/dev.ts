/**
 * `chaveiro dev`: the stack on loopback, until stopped.
 * @module
 */
import { once } from 'node:events'
import type { Command } from 'commander'
import { loadDev } from '../load-dev.js'
import { withExamples } from '../output.js'
import type { Terminal } from '../terminal.js'

interface DevOptions {
  readonly real?: boolean
  readonly blank?: boolean
}

export function addDevCommand(program: Command, terminal: Terminal): void {
  const dev = program
    .command('dev')
    .description('the stack on loopback until stopped; prints the path of an env file to source')
    .option('--real', 'HashiCorp Vault and SPIRE, built by npm run servers, in place of the embedded servers')
    .option('--blank', 'with nothing configured yet: no policy, no role, no entry, no secret')
    .action(async ({ real = false, blank = false }: DevOptions) => {
      const { startDevStack } = await loadDev()
      const note = (line: string): void => void terminal.stderr.write(`${line}\n`)
      await using stack = await startDevStack({ real, blank, note })
      terminal.stdout.write(`${stack.envFile}\n`)
      note(`ready: source ${stack.envFile}   (Ctrl-C stops the stack and removes its folder)`)
      if (!terminal.stop.aborted) await once(terminal.stop, 'abort')
      note('stopping')
    })
  withExamples(dev, [
    ['chaveiro dev', 'The sample platform, configured, on the embedded servers:'],
    [
      'chaveiro dev --real --blank',
      'Vault, SPIRE and PostgreSQL with nothing in them, to configure by hand or with apply:',
    ],
  ])
}
