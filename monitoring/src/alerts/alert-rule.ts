/**
 * What an alert is made of.
 * @module
 */

/** `critical`: act now. `warning`: a ticket, within the day. */
export type Severity = 'critical' | 'warning'

export interface AlertRule {
  /** CamelCase, beginning with `Chaveiro`; the runbook has a heading of the same name. */
  readonly alert: string
  readonly severity: Severity
  readonly expr: string
  /** How long the expression must hold, as Prometheus writes durations: longer than one blip. */
  readonly for: string
  /** One sentence that is the same for every firing. */
  readonly summary: string
  /** What is seen, where, and how much; a template of Prometheus. */
  readonly description: string
}

export interface AlertGroup {
  readonly name: string
  readonly rules: readonly AlertRule[]
}
