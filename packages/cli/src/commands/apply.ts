/**
 * `chaveiro apply`: shows the plan, asks, carries it out.
 * @module
 */
import { type ApplyReport, applyPlan, type PreparedPlan, valuesFrom } from '@chaveiro/operations'
import type { Command } from 'commander'
import { askHidden, askYesNo, canAsk } from '../ask.js'
import { exitCode, exitCodeOf, UsageError } from '../exit-code.js'
import type { Outcome } from '../outcome.js'
import { print, withExamples } from '../output.js'
import { paintFor, type Terminal } from '../terminal.js'
import { planLines, reportLines } from '../view/plan-view.js'
import { emitFile, emitKubernetes, type PlanningOptions, preparing, withPlanning } from './plan.js'

interface ApplyCommandOptions extends PlanningOptions {
  readonly yes?: boolean
  readonly dryRun?: boolean
}

export function addApplyCommand(program: Command, terminal: Terminal, outcome: Outcome): void {
  const apply = withPlanning(program.command('apply').description('make Vault and SPIRE as the manifest says'))
    .option('-y, --yes', 'do it without asking')
    .option('--dry-run', 'show the plan and end with exit code 0; plan tells by its exit code whether there is one')
    .action(async (options: ApplyCommandOptions) => {
      if (options.emit) return emitFile(terminal, options)
      await preparing(terminal, options, async (prepared) => {
        outcome.code = await applyPrepared(terminal, options, prepared)
        // Between the lines of JSON there is no place for YAML; the plan's note says what to run.
        if (prepared.controllerManager && options.output === 'text') emitKubernetes(terminal, prepared.located.manifest)
      })
    })
  withExamples(apply, [
    ['chaveiro apply -f examples/chaveiro.yaml', 'See the plan, then decide:'],
    ['chaveiro apply --only policies,database --yes', 'A part of it, unattended:'],
    ['chaveiro apply --only secrets --replace orchestrator/kafka', 'A new version of one secret:'],
  ])
}

async function applyPrepared(
  terminal: Terminal,
  options: ApplyCommandOptions,
  prepared: PreparedPlan,
): Promise<number> {
  const { plan } = prepared
  const { output } = options
  const paint = paintFor(terminal)
  const text = output === 'text'
  if (options.dryRun) {
    print(terminal, output, plan, (data) => planLines(data, paint))
    return exitCode.ok
  }
  if (text) terminal.stdout.write(`${planLines(plan, paint).join('\n')}\n`)
  const agreed = plan.changes.length === 0 || (await agree(terminal, options, prepared))
  if (!agreed) {
    terminal.stderr.write('nothing was changed\n')
    return exitCode.failed
  }
  const report = await applyPlan(prepared, {
    resolve: valuesFrom(terminal.env, canAsk(terminal) ? (question) => askHidden(terminal, question) : undefined),
    signal: terminal.stop,
    onProgress: ({ change, outcome, finished, total }) =>
      void terminal.stderr.write(`[${finished}/${total}] ${outcome} ${change.kind} ${change.path}\n`),
  })
  if (!text || plan.changes.length > 0) {
    print(terminal, output, { plan, report: plainReport(report) }, () =>
      reportLines(report, resumeWith(options, plan.manifest), paint),
    )
  }
  return codeOf(report)
}

/** @throws {UsageError} when nobody can be asked and nobody has said yes */
async function agree(terminal: Terminal, { yes }: ApplyCommandOptions, { plan }: PreparedPlan): Promise<boolean> {
  // A clash is refused before anything is done, with its cure; there is nothing to agree to.
  if (yes || plan.changes.some(({ action }) => action === 'clash')) return true
  if (!canAsk(terminal)) {
    throw new UsageError('there are changes to make and nobody to ask', 'Look at chaveiro plan, then add --yes.')
  }
  return askYesNo(terminal, `Make these ${plan.changes.length} changes?`)
}

function codeOf({ failed, notStarted }: ApplyReport): number {
  const [first] = failed
  if (first) return exitCodeOf(first.error)
  return notStarted.length > 0 ? exitCode.failed : exitCode.ok
}

function resumeWith({ only, adopt, prune, replace }: ApplyCommandOptions, manifest: string): string {
  return [
    `chaveiro apply -f ${manifest} --only ${only.join(',')}`,
    ...(adopt ? ['--adopt'] : []),
    ...(prune ? ['--prune'] : []),
    ...(replace ? ['--replace', ...(replace === true ? [] : replace)] : []),
  ].join(' ')
}

function plainReport({ done, unchanged, failed, notStarted, interrupted }: ApplyReport) {
  return {
    done: done.map(({ path }) => path),
    unchanged: unchanged.map(({ path }) => path),
    failed: failed.map(({ change, error }) => {
      const { code, message, cure } = error as Error & { code?: string; cure?: string }
      return { path: change.path, code, message, cure }
    }),
    not_started: notStarted.map(({ change, because }) => ({ path: change.path, because })),
    interrupted,
  }
}
