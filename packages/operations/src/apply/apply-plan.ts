/**
 * Carries a plan out: in the order in which objects need each other, a few at a time, each read again before it is
 * written.
 * @module
 */
import { type PlanStep, sameLive } from '../plan/compute-plan.js'
import type { ObjectKind } from '../plan/desired-object.js'
import { PlanError } from '../plan/errors.js'
import type { PreparedPlan } from '../plan/make-plan.js'
import { compareObject, type PlannedChange } from '../plan/planned-change.js'
import { checkCapabilities } from '../vault/capabilities.js'
import type { Ledger } from '../vault/ledger.js'
import { runInOrder, type Task, type TaskOutcome } from './schedule.js'
import { type GatheredValues, gatherValues, type ResolveValue } from './values.js'

export interface ApplyOptions {
  readonly resolve: ResolveValue
  /** Objects written at once, 1 or more. Default 8. */
  readonly concurrency?: number
  /** Stops between objects: none is left half-written. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (progress: ApplyProgress) => void
}

export interface ApplyProgress {
  readonly change: PlannedChange
  readonly outcome: 'done' | 'unchanged' | 'failed'
  /** Objects finished so far, this one included. */
  readonly finished: number
  readonly total: number
}

/** Plain data. Every change of the plan is in exactly one list. */
export interface ApplyReport {
  readonly done: readonly PlannedChange[]
  /** Already as wanted when their turn came: another run was faster. */
  readonly unchanged: readonly PlannedChange[]
  readonly failed: readonly { readonly change: PlannedChange; readonly error: unknown }[]
  readonly notStarted: readonly { readonly change: PlannedChange; readonly because: string }[]
  /** Stopped before its end. */
  readonly interrupted: boolean
}

/**
 * @throws {PlanError} before anything is changed: a clash, a value or a capability that is missing
 */
export async function applyPlan(prepared: PreparedPlan, options: ApplyOptions): Promise<ApplyReport> {
  const { steps, vault, ledger, located } = prepared
  const { signal } = options
  refuseClashes(steps)
  const values = await gatherValues(steps, located, options.resolve, signal)
  const ledgerPath = ledger ? `${located.manifest.vault.mounts.kv}/data/${ledger.path}` : ''
  if (vault) await checkCapabilities(vault, steps, ledger, ledgerPath, signal)
  const run = new ApplyRun(prepared, values, options)
  return run.all()
}

function refuseClashes(steps: readonly PlanStep[]): void {
  const clashes = steps.filter(({ change }) => change.action === 'clash').map(({ change }) => change)
  if (clashes.length === 0) return
  const list = clashes.map(({ kind, path, effect }) => `${kind} ${path}: ${effect}`).join('\n')
  throw new PlanError('ERR_PLAN_CLASH', list, {
    cure: 'Take them over with --adopt where that is offered, rename ours in the manifest, or choose parts with --only; nothing was changed.',
  })
}

/** What is deleted goes in this order, so that nothing names what is gone. */
const removalOrder: readonly ObjectKind[] = ['entry', 'jwt role', 'policy', 'database role', 'database connection']

/** Kinds whose owner only the ledger knows. */
const inLedger: ReadonlySet<ObjectKind> = new Set([
  'policy',
  'database connection',
  'database role',
  'jwt config',
  'jwt role',
])

class ApplyRun {
  readonly #steps: readonly PlanStep[]
  readonly #values: GatheredValues
  readonly #ledger: Ledger | undefined
  readonly #stale: readonly string[]
  readonly #ledgerEngine: string
  readonly #options: ApplyOptions
  readonly #unchanged = new Set<string>()
  #finished = 0

  constructor({ steps, ledger, stale, located }: PreparedPlan, values: GatheredValues, options: ApplyOptions) {
    this.#ledgerEngine = `sys/mounts/${located.manifest.vault.mounts.kv}`
    this.#steps = steps
    this.#values = values
    this.#ledger = ledger
    this.#stale = stale
    this.#options = options
  }

  async all(): Promise<ApplyReport> {
    const { concurrency = 8, signal } = this.#options
    // The ledger lies in the KV engine, and is written before the objects, so that none is ever ours without a trace.
    const first = this.#steps.filter(({ change }) => change.path === this.#ledgerEngine)
    const removals = this.#steps.filter(({ change }) => change.action === 'delete')
    const writes = this.#steps.filter((step) => !first.includes(step) && !removals.includes(step))
    const run = (steps: readonly PlanStep[]) =>
      runInOrder(
        steps.map((step) => this.#task(step, removals)),
        { limit: concurrency, signal },
      )
    const outcomes = await run(first)
    const entered = await this.#enter(writes, outcomes)
    for (const part of entered ? [writes, removals] : []) {
      for (const [path, outcome] of await run(part)) outcomes.set(path, outcome)
    }
    if (entered) await this.#strike(outcomes)
    return this.#report(outcomes)
  }

  #task(step: PlanStep, removals: readonly PlanStep[]): Task {
    const { change, object } = step
    const needs = object?.needs ?? removals.filter((other) => goesBefore(other, step)).map(({ sought }) => sought.path)
    return { id: change.path, needs, run: () => this.#runStep(step) }
  }

  async #runStep(step: PlanStep): Promise<void> {
    let outcome: ApplyProgress['outcome'] = 'failed'
    try {
      outcome = await this.#carryOut(step)
      if (outcome === 'unchanged') this.#unchanged.add(step.change.path)
    } finally {
      this.#finished += 1
      this.#options.onProgress?.({ change: step.change, outcome, finished: this.#finished, total: this.#steps.length })
    }
  }

  /** An object that is half-way is finished: the signal stops only what has not begun. */
  async #carryOut({ object, sought, keeper, live, compare }: PlanStep): Promise<'done' | 'unchanged'> {
    const now = await keeper.read(sought)
    if (!object) {
      if (now) await keeper.remove(sought, now)
      return now ? 'done' : 'unchanged'
    }
    if (!sameLive(sought, live, now)) {
      const left = compareObject(object, now, { ...compare, replace: false })
      if (!left) return 'unchanged'
      throw moved(object.path)
    }
    try {
      await keeper.write(object, now, this.#values.get(object.path) ?? {})
      return 'done'
    } catch (error) {
      // Refused because another run was faster by a moment: it is there, and as wanted.
      const after = compare.replace ? undefined : await keeper.read(sought).catch(() => undefined)
      if (after && !compareObject(object, after, compare)) return 'unchanged'
      throw error
    }
  }

  async #enter(writes: readonly PlanStep[], outcomes: Map<string, TaskOutcome>): Promise<boolean> {
    const failed = [...outcomes.values()].some(({ state }) => state !== 'done')
    if (failed || this.#options.signal?.aborted) return false
    const kinds = writes
      .filter(({ change }) => inLedger.has(change.kind))
      .map(({ change }) => [change.path, change.kind] as const)
    if (kinds.length + this.#stale.length > 0)
      await this.#ledger?.change({ enter: new Map(kinds), strike: this.#stale })
    return true
  }

  /** What was deleted, and what was to be made but is not there, is ours no longer. */
  async #strike(outcomes: ReadonlyMap<string, TaskOutcome>): Promise<void> {
    if (!this.#ledger) return
    const candidates = this.#steps.filter(({ change, live }) => {
      const done = outcomes.get(change.path)?.state === 'done'
      return inLedger.has(change.kind) && (change.action === 'delete' ? done : !done && !live)
    })
    const gone: string[] = []
    for (const { sought, keeper } of candidates) {
      // A server that cannot be asked keeps its entries: the next run reads them again.
      if ((await keeper.read(sought).catch(() => 'unknown')) === undefined) gone.push(sought.path)
    }
    if (gone.length > 0) await this.#ledger.change({ strike: gone }).catch(() => undefined)
  }

  #report(outcomes: ReadonlyMap<string, TaskOutcome>): ApplyReport {
    const report = { done: [], unchanged: [], failed: [], notStarted: [] } as {
      done: PlannedChange[]
      unchanged: PlannedChange[]
      failed: { change: PlannedChange; error: unknown }[]
      notStarted: { change: PlannedChange; because: string }[]
    }
    for (const { change } of this.#steps) {
      const outcome: TaskOutcome = outcomes.get(change.path) ?? {
        state: 'not started',
        ...this.#withoutLedger(outcomes),
      }
      if (outcome.state === 'failed') report.failed.push({ change, error: outcome.error })
      else if (outcome.state === 'not started') report.notStarted.push({ change, because: reason(outcome) })
      else (this.#unchanged.has(change.path) ? report.unchanged : report.done).push(change)
    }
    return { ...report, interrupted: this.#options.signal?.aborted ?? false }
  }

  #withoutLedger(outcomes: ReadonlyMap<string, TaskOutcome>): { blockedBy?: string } {
    const failed = outcomes.get(this.#ledgerEngine)?.state === 'failed'
    return failed ? { blockedBy: this.#ledgerEngine } : {}
  }
}

const goesBefore = (other: PlanStep, step: PlanStep): boolean =>
  removalOrder.indexOf(other.change.kind) < removalOrder.indexOf(step.change.kind)

const reason = ({ blockedBy }: { blockedBy?: string }): string =>
  blockedBy === undefined ? 'stopped before its turn' : `it needs ${blockedBy}`

function moved(path: string): PlanError {
  return new PlanError('ERR_PLAN_MOVED', `${path} was changed by somebody since the plan was made`, {
    cure: 'Run the command again: it shows what is there now.',
  })
}
