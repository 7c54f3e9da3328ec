/**
 * `chaveiro validate`: looks whether everything that the manifest asks for is there and works.
 * @module
 */
import {
  type CheckGroup,
  type CheckResult,
  checkGroups,
  Inspection,
  runChecks,
  type ServiceAddress,
  SpireSvidMint,
  selectChecks,
  verdictOf,
} from '@chaveiro/operations'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseSpanMs } from '../input.js'
import { readManifestFile, withManifest } from '../manifest-file.js'
import type { Outcome } from '../outcome.js'
import { withExamples } from '../output.js'
import { openSpire, openVaultWithOrWithoutToken, spireSocket } from '../servers.js'
import { serviceOption, servicesFrom } from '../service-address.js'
import type { Terminal } from '../terminal.js'
import { validationOutputs } from '../view/validation-output.js'
import { ValidationProgress } from '../view/validation-progress.js'

interface ValidateOptions {
  readonly file?: string
  readonly only: readonly CheckGroup[]
  readonly strict?: boolean
  readonly verbose?: boolean
  readonly wait: number
  readonly service: readonly ServiceAddress[]
  readonly output: keyof typeof validationOutputs
}

export function addValidateCommand(program: Command, terminal: Terminal, outcome: Outcome): void {
  const validate = withManifest(
    program.command('validate').description('look whether all that the manifest asks for is there and works'),
  )
    .addOption(
      new Option('--only <groups>', `a part: ${checkGroups.join(', ')}; what it depends on is looked at too`)
        .argParser(parseGroups)
        .default([], 'all'),
    )
    .option('--strict', 'fail too where it could not be told')
    .option('--wait <duration>', 'try again what does not hold, for as long as this: 2m', parseSpanMs, 0)
    .option('-v, --verbose', 'show what was seen of the states that hold')
    .addOption(serviceOption())
    .addOption(
      new Option('-o, --output <format>', 'how to print the result').choices(['text', 'json', 'junit']).default('text'),
    )
    .action(async (options: ValidateOptions) => {
      const results = await validatePlatform(terminal, options)
      outcome.code = verdictOf(results, options)
      const lines = validationOutputs[options.output](results, { ...options, code: outcome.code }, terminal)
      terminal.stdout.write(`${lines.join('\n')}\n`)
    })
  withExamples(validate, [
    ['chaveiro validate -f examples/chaveiro.yaml', 'Is everything well?'],
    ['chaveiro validate --only vault,auth --wait 2m', 'Wait until a part of it is:'],
    ['chaveiro validate --strict -o junit > validate.xml', 'In a pipeline:'],
  ])
}

async function validatePlatform(terminal: Terminal, options: ValidateOptions): Promise<CheckResult[]> {
  const { env, stop: signal } = terminal
  const located = await readManifestFile(terminal, options.file)
  const services = servicesFrom(terminal, options.service)
  const { client: vault, hasToken } = await openVaultWithOrWithoutToken(env, located.manifest)
  const spire = openSpire(env)
  const mint = new SpireSvidMint({ socket: spireSocket(env) })
  const spireNamed = Boolean(env.SPIRE_SERVER_SOCKET)
  const progress = new ValidationProgress(terminal)
  try {
    const inspect = () => new Inspection({ located, vault, hasToken, spire, mint, spireNamed, services, env })
    const { wait: waitMs } = options
    return await runChecks(selectChecks(options.only), inspect, { waitMs, signal, onProgress: progress.show })
  } finally {
    progress.close()
    await Promise.all([vault.close(), spire.close(), mint.close()])
  }
}

function parseGroups(text: string): CheckGroup[] {
  return text.split(',').map((name) => {
    const group = checkGroups.find((each) => each === name.trim())
    if (!group) throw new InvalidArgumentError(`"${name}" is none of ${checkGroups.join(', ')}.`)
    return group
  })
}
