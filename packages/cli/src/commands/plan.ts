/**
 * `chaveiro plan`: what `apply` would do. It reads and changes nothing.
 * @module
 */
import {
  clusterSpiffeIds,
  type EntryApi,
  type Manifest,
  makePlan,
  type PlanGroup,
  type PreparedPlan,
  planGroups,
} from '@chaveiro/operations'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { exitCode } from '../exit-code.js'
import { readManifestFile, withManifest } from '../manifest-file.js'
import type { Outcome } from '../outcome.js'
import { type OutputFormat, print, withExamples, withOutput } from '../output.js'
import { openVault } from '../servers.js'
import { openEntries } from '../spire-entries.js'
import { paintFor, type Terminal } from '../terminal.js'
import { planLines } from '../view/plan-view.js'

/** Options that plan and apply share. */
export interface PlanningOptions {
  readonly file?: string
  readonly only: readonly PlanGroup[]
  readonly adopt?: boolean
  readonly prune?: boolean
  readonly replace?: boolean | string[]
  readonly emit?: 'kubernetes'
  readonly output: OutputFormat
}

export function addPlanCommand(program: Command, terminal: Terminal, outcome: Outcome): void {
  const plan = withPlanning(
    program.command('plan').description('what apply would do; exit 1 when there is something to do'),
  ).action(async (options: PlanningOptions) => {
    if (options.emit) return emitFile(terminal, options)
    await preparing(terminal, options, async ({ plan }) => {
      print(terminal, options.output, plan, (data) => planLines(data, paintFor(terminal)))
      if (plan.changes.length > 0) outcome.code = exitCode.failed
    })
  })
  withExamples(plan, [
    ['chaveiro plan -f examples/chaveiro.yaml', 'What would be done?'],
    ['chaveiro plan --only policies,database --output json', 'A part of it, for a machine:'],
    ['chaveiro plan --emit kubernetes > spiffe-ids.yaml', 'For a cluster with the SPIRE controller manager:'],
  ])
}

/** Adds the options that plan and apply share. */
export function withPlanning(command: Command): Command {
  return withOutput(withManifest(command))
    .addOption(
      new Option('--only <groups>', `a part: ${planGroups.join(', ')}; separate several by commas`)
        .argParser(parseGroups)
        .default(planGroups, 'all'),
    )
    .option('--adopt', 'take over objects of the same name that were not made by us')
    .option('--prune', 'delete what we made and the manifest no longer declares')
    .option('--replace [paths...]', 'write secrets anew that are there: all, or those at these paths')
    .addOption(
      new Option('--emit <platform>', 'print the entries as manifests of the SPIRE controller manager instead').choices(
        ['kubernetes'],
      ),
    )
}

/** Opens the servers that these options need, makes the plan, and closes them when `use` is done. */
export async function preparing(
  terminal: Terminal,
  { file, only, adopt = false, prune = false, replace = false }: PlanningOptions,
  use: (prepared: PreparedPlan) => Promise<void>,
): Promise<void> {
  const located = await readManifestFile(terminal, file)
  const vault = only.some((group) => group !== 'entries') ? await openVault(terminal.env, located.manifest) : undefined
  let spire: EntryApi | undefined
  try {
    spire = only.includes('entries') ? await openEntries(terminal) : undefined
    const { env, stop: signal } = terminal
    await use(await makePlan({ located, vault, spire, groups: only, env, adopt, prune, replace, signal }))
  } finally {
    await vault?.close()
    await spire?.close()
  }
}

/** `--emit kubernetes`: nothing is asked of any server. */
export async function emitFile(terminal: Terminal, { file }: PlanningOptions): Promise<void> {
  emitKubernetes(terminal, (await readManifestFile(terminal, file)).manifest)
}

/** Prints `ClusterSPIFFEID` objects; what cannot be told in them is named on stderr. */
export function emitKubernetes(terminal: Terminal, manifest: Manifest): void {
  const { yaml, left } = clusterSpiffeIds(manifest)
  terminal.stdout.write(yaml)
  for (const { workload, reason } of left) terminal.stderr.write(`left out: ${workload}: ${reason}\n`)
}

function parseGroups(text: string): PlanGroup[] {
  return text.split(',').map((name) => {
    const group = planGroups.find((each) => each === name.trim())
    if (!group) throw new InvalidArgumentError(`"${name}" is none of ${planGroups.join(', ')}.`)
    return group
  })
}
