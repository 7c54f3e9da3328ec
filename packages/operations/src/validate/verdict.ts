/**
 * From results to an exit code: one function, whatever the format of the output.
 * @module
 */
import type { CheckResult, FindingReason } from './finding.js'

/** 0: all holds; 1: a check failed; 3: a server could not be reached; 4: permission denied. */
export type VerdictCode = 0 | 1 | 3 | 4

const codes: Readonly<Record<FindingReason, VerdictCode>> = { state: 1, input: 1, unreachable: 3, denied: 4 }

/**
 * The first check that counts against the platform decides, since what comes first is at the bottom of what follows.
 * @param results - in the order in which they depend on each other; none at all is no success
 * @param options.strict - count what could not be told, and what was skipped, as failures
 */
export function verdictOf(
  results: readonly Pick<CheckResult, 'status' | 'reason'>[],
  { strict = false }: { strict?: boolean } = {},
): VerdictCode {
  if (results.length === 0) return 1
  const failure = results.find(({ status }) => status === 'failed')
  const doubt = strict ? results.find(({ status }) => status === 'unknown' || status === 'skipped') : undefined
  const decisive = failure ?? doubt
  return decisive ? codes[decisive.reason ?? 'state'] : 0
}
