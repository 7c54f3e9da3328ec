/**
 * Runs checks in the order of their dependence: what hangs on a check that did not hold is skipped.
 * @module
 */
import { type Clock, sleep, systemClock } from '@chaveiro/rotation'
import type { Check } from './check.js'
import { findingOf } from './explain-failure.js'
import { type CheckResult, type Finding, failed } from './finding.js'
import type { Inspection } from './inspection.js'

export interface RunOptions {
  /** Bound on one check, in milliseconds. Default 30 000. */
  readonly checkTimeoutMs?: number
  /** How long checks that do not hold are tried again, in milliseconds. Default 0: not at all. */
  readonly waitMs?: number
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
  /** Told each check that begins, and each state that is waited for with what was last seen of it. */
  readonly onProgress?: (progress: CheckProgress) => void
}

export type CheckProgress =
  | { readonly kind: 'checking'; readonly check: Check }
  | { readonly kind: 'waiting'; readonly results: readonly CheckResult[]; readonly waitedMs: number }

const pauseMs = 2000

/**
 * @param inspect - opens a fresh look at the platform for each round, so that nothing read before is believed again
 * @returns one result for each check, in order
 * @throws the signal's reason
 */
export async function runChecks(
  checks: readonly Check[],
  inspect: () => Inspection,
  options: RunOptions = {},
): Promise<CheckResult[]> {
  const { clock = systemClock, waitMs = 0, signal, onProgress } = options
  const beganMs = clock.monotonicMs()
  let results = await runRound(checks, new Map(), inspect(), options)
  for (;;) {
    const waiting = results.filter(({ status, reason }) => status === 'failed' || reason === 'unreachable')
    const waitedMs = clock.monotonicMs() - beganMs
    if (waiting.length === 0 || waitedMs + pauseMs > waitMs) return results
    onProgress?.({ kind: 'waiting', results: waiting, waitedMs })
    await sleep(clock, pauseMs, signal)
    const holding = results.filter(({ status }) => status === 'ok' || status === 'warning')
    results = await runRound(checks, new Map(holding.map((each) => [each.code, each])), inspect(), options)
  }
}

/** @param known - results of checks that need not be run again */
async function runRound(
  checks: readonly Check[],
  known: ReadonlyMap<string, CheckResult>,
  inspection: Inspection,
  options: RunOptions,
): Promise<CheckResult[]> {
  const results = new Map<string, CheckResult>()
  for (const check of checks) {
    options.signal?.throwIfAborted()
    results.set(check.code, known.get(check.code) ?? (await runOne(check, results, inspection, options)))
  }
  return [...results.values()]
}

async function runOne(
  check: Check,
  earlier: ReadonlyMap<string, CheckResult>,
  inspection: Inspection,
  { clock = systemClock, checkTimeoutMs = 30_000, signal, onProgress }: RunOptions,
): Promise<CheckResult> {
  const unmet = check.needs.filter((code) => !holds(earlier.get(code)))
  if (unmet.length > 0) return resultOf(check, undefined, 0, unmet)
  onProgress?.({ kind: 'checking', check })
  const beganMs = clock.monotonicMs()
  const finding = await look(check, inspection, { clock, checkTimeoutMs, signal })
  signal?.throwIfAborted()
  return resultOf(check, finding, Math.round(clock.monotonicMs() - beganMs), [])
}

const holds = (result: CheckResult | undefined): boolean => result?.status === 'ok' || result?.status === 'warning'

async function look(
  check: Check,
  inspection: Inspection,
  { clock, checkTimeoutMs, signal }: { clock: Clock; checkTimeoutMs: number; signal: AbortSignal | undefined },
): Promise<Finding> {
  const bound = new AbortController()
  const stop = (): void => bound.abort(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  const late = new Promise<Finding>((resolve) => {
    bound.signal.addEventListener('abort', () => resolve(tooLate(checkTimeoutMs)), { once: true })
  })
  const timer = clock.schedule(checkTimeoutMs, () => bound.abort(new Error('the check took too long')))
  try {
    // A check may not listen to its signal: it is not waited for then.
    return await Promise.race([check.look(inspection, bound.signal).catch(findingOf), late])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', stop)
  }
}

function tooLate(checkTimeoutMs: number): Finding {
  const cure = 'See whether the server is overloaded or the network drops packets, then run it again.'
  return failed(`no answer within ${checkTimeoutMs / 1000} s`, cure, 'unreachable')
}

function resultOf(
  { code, group, state }: Check,
  finding: Finding | undefined,
  durationMs: number,
  because: readonly string[],
): CheckResult {
  const bad = finding && finding.status !== 'ok' ? finding : undefined
  return {
    code,
    group,
    state,
    status: finding?.status ?? 'skipped',
    duration_ms: durationMs,
    evidence: finding?.status === 'ok' ? finding.evidence : null,
    reason: bad?.reason ?? null,
    cause: bad?.cause ?? null,
    cure: bad?.cure ?? null,
    because_of: because,
    guide: `docs/operations-guide.md#${code.toLowerCase()}`,
  }
}
