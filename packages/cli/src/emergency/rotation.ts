/**
 * `chaveiro emergency rotation`: has services renew everything now.
 * @module
 */
import { type RotationTarget, renewServices, type ServiceAddress, type ServiceOutcome } from '@chaveiro/operations'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { exitCode, UsageError } from '../exit-code.js'
import type { Outcome } from '../outcome.js'
import { type OutputFormat, print, withExamples, withOutput } from '../output.js'
import { serviceOption, servicesFrom } from '../service-address.js'
import { paintFor, type Terminal } from '../terminal.js'
import { audited } from './audited.js'

interface NamedProcess {
  readonly name: string
  readonly pid: number
}

interface RotationCommandOptions {
  readonly service: readonly ServiceAddress[]
  readonly pid: readonly NamedProcess[]
  readonly dryRun?: boolean
  readonly output: OutputFormat
}

export function addRotationCommand(emergency: Command, terminal: Terminal, outcome: Outcome): void {
  const description = 'have services renew their tokens and credentials now, and look whether it helped'
  const command = withOutput(emergency.command('rotation').description(description))
    .addOption(serviceOption())
    .addOption(
      new Option('--pid <name=pid>', 'its process, sent SIGHUP when the admin endpoint does not take the order')
        .argParser(addProcess)
        .default([], 'none'),
    )
    .option('--dry-run', 'show what is overdue, and order nothing')
    .action(async (options: RotationCommandOptions) => {
      const targets = targetsOf(servicesFrom(terminal, options.service), options.pid)
      outcome.code = await renew(terminal, targets, options)
    })
  withExamples(command, [
    ['chaveiro emergency rotation --service orchestrator=http://127.0.0.1:9464 --dry-run', 'Is anything overdue?'],
    ['chaveiro emergency rotation --service orchestrator=http://127.0.0.1:9464', 'Renew everything it holds:'],
    ['chaveiro emergency rotation --pid orchestrator=4711', 'A service whose endpoint does not answer:'],
  ])
}

function addProcess(text: string, earlier: readonly NamedProcess[]): NamedProcess[] {
  const [, name, pid] = /^([^=]+)=(\d{1,7})$/.exec(text) ?? []
  if (name && Number(pid) > 1) return [...earlier, { name, pid: Number(pid) }]
  throw new InvalidArgumentError(`"${text}" is not NAME=PID, such as orchestrator=4711.`)
}

/** @throws {UsageError} when no service is named */
function targetsOf(services: readonly ServiceAddress[], processes: readonly NamedProcess[]): RotationTarget[] {
  const names = [...new Set([...services, ...processes].map(({ name }) => name))]
  if (names.length === 0) {
    throw new UsageError('no service was named', 'Name those that run: --service NAME=http://127.0.0.1:9464')
  }
  return names.map((name) => ({
    name,
    ...services.find((each) => each.name === name),
    ...processes.find((each) => each.name === name),
  }))
}

async function renew(
  terminal: Terminal,
  targets: readonly RotationTarget[],
  { dryRun = false, output }: RotationCommandOptions,
): Promise<number> {
  const what = { command: 'emergency rotation', targets: targets.map(({ name }) => name), dryRun }
  const { outcomes } = await audited(terminal, what, async () => {
    const outcomes = await renewServices({ targets, dryRun, signal: terminal.stop })
    const details = outcomes.map(({ service, outcome, explanation }) => `${service}: ${outcome}: ${explanation}`)
    return { outcomes, done: outcomes.every(helped), details }
  })
  const paint = paintFor(terminal)
  print(terminal, output, outcomes, (data) =>
    data.flatMap((each) => [
      `${paint(helped(each) ? 'green' : 'red', each.outcome)} ${each.service}: ${each.explanation}`,
      ...(each.cure === '' ? [] : [`  next: ${each.cure}`]),
    ]),
  )
  const first = outcomes.find((each) => !helped(each))
  return first ? codes[first.outcome] : exitCode.ok
}

const codes: Readonly<Record<ServiceOutcome['outcome'], number>> = {
  renewed: exitCode.ok,
  signalled: exitCode.ok,
  seen: exitCode.ok,
  overdue: exitCode.failed,
  unreachable: exitCode.unreachable,
  refused: exitCode.denied,
}

const helped = ({ outcome }: ServiceOutcome): boolean => codes[outcome] === exitCode.ok
