/**
 * The rules file of Prometheus.
 * @module
 */
import { stringify } from 'yaml'
import type { AlertGroup, AlertRule } from './alert-rule.js'
import { grpcAlerts } from './grpc.js'
import { presenceAlerts } from './presence.js'
import { rotationAlerts } from './rotation.js'
import { spiffeAlerts } from './spiffe.js'
import { vaultAlerts } from './vault.js'

/** All of them. */
export const alertGroups: readonly AlertGroup[] = [
  presenceAlerts,
  rotationAlerts,
  vaultAlerts,
  spiffeAlerts,
  grpcAlerts,
]

export interface RulesFileOptions {
  /** What `runbook_url` begins with, up to the `#`. Default: the page's place in the repository. */
  readonly runbook?: string
  /** In place of each rule's own `for`: a rehearsal does not wait. */
  readonly for?: string
  /** How often the rules are evaluated; absent: as Prometheus is configured. */
  readonly interval?: string
}

const header = `# Alerts for services that use Chaveiro. Made from monitoring/src/alerts, which is where to change them.
# Thresholds are shares of a life, not hours. docs/runbooks/alerts.md says what to do about each.
`

/** @returns YAML that `promtool check rules` accepts */
export function renderRules(options: RulesFileOptions = {}): string {
  const groups = alertGroups.map(({ name, rules }) => ({
    name,
    ...(options.interval === undefined ? {} : { interval: options.interval }),
    rules: rules.map((rule) => ruleOf(rule, options)),
  }))
  return header + stringify({ groups }, { lineWidth: 0 })
}

function ruleOf(rule: AlertRule, options: RulesFileOptions): object {
  const { alert, severity, expr, summary, description } = rule
  return {
    alert,
    expr,
    for: options.for ?? rule.for,
    labels: { severity },
    annotations: { summary, description, runbook_url: runbookUrl(alert, options.runbook) },
  }
}

/** Where the alert's heading in the runbook is; headings become anchors in lower case. */
export function runbookUrl(alert: string, runbook = 'docs/runbooks/alerts.md'): string {
  return `${runbook}#${alert.toLowerCase()}`
}
