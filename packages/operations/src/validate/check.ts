/**
 * A check: one state that should hold, and how it is looked at.
 * @module
 */
import type { Finding } from './finding.js'
import type { Inspection } from './inspection.js'

export const checkGroups = ['vault', 'auth', 'database', 'secrets', 'spire', 'login', 'services'] as const

/** Parts that `validate` can be limited to. */
export type CheckGroup = (typeof checkGroups)[number]

export interface Check {
  /** Stable: `CHV` and four digits; a number that is retired is never used again. */
  readonly code: string
  readonly group: CheckGroup
  /** The state that should hold, as a sentence that is true when the check passes. */
  readonly state: string
  /** Codes of checks without which this one would say nothing. */
  readonly needs: readonly string[]
  /** May throw: a refusal is then "could not tell", anything else a failure. */
  readonly look: (inspection: Inspection, signal: AbortSignal) => Promise<Finding>
}
