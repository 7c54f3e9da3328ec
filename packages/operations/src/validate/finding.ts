/**
 * What a check found, and what stands in a report.
 * @module
 */

/**
 * `ok` and `warning` hold; `failed` does not; `unknown` could not be told, for want of a right, an address or a
 * service that runs; `skipped` depends on a check that did not hold.
 */
export type CheckStatus = 'ok' | 'warning' | 'failed' | 'unknown' | 'skipped'

/** What is at the bottom of it: decides the exit code, and whether waiting can help. */
export type FindingReason = 'state' | 'unreachable' | 'denied' | 'input'

/** What one check found. Never holds a secret. */
export type Finding =
  | { readonly status: 'ok'; readonly evidence: string }
  | {
      readonly status: 'warning' | 'failed' | 'unknown'
      readonly reason: FindingReason
      /** What was seen. */
      readonly cause: string
      /** The next step for whoever reads this at 3 a.m. */
      readonly cure: string
    }

export const ok = (evidence: string): Finding => ({ status: 'ok', evidence })

export const warning = (cause: string, cure: string): Finding => ({ status: 'warning', reason: 'state', cause, cure })

export const failed = (cause: string, cure: string, reason: FindingReason = 'state'): Finding => ({
  status: 'failed',
  reason,
  cause,
  cure,
})

export const unknown = (cause: string, cure: string, reason: FindingReason = 'input'): Finding => ({
  status: 'unknown',
  reason,
  cause,
  cure,
})

/** One check in a report: plain data, named as the JSON output names it. */
export interface CheckResult {
  /** Stable: `CHV` and four digits; never used again for something else. */
  readonly code: string
  readonly group: string
  /** The state that should hold. */
  readonly state: string
  readonly status: CheckStatus
  readonly duration_ms: number
  readonly evidence: string | null
  readonly reason: FindingReason | null
  readonly cause: string | null
  readonly cure: string | null
  /** The checks that did not hold and because of which this one was not run. */
  readonly because_of: readonly string[]
  /** File and heading of the operations guide. */
  readonly guide: string
}
