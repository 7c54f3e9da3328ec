export type { AlertGroup, AlertRule, Severity } from './alerts/alert-rule.js'
export { alertGroups, type RulesFileOptions, renderRules, runbookUrl } from './alerts/rules-file.js'
export { renderDashboard } from './dashboard/dashboard.js'
export { metricsIn } from './promql.js'
