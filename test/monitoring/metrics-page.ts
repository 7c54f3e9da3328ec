/**
 * `docs/metrics.md`: each metric with its unit, and where it is looked at.
 * @module
 */
import { type MetricDefinition, metricDefinitions } from '@chaveiro/integration'
import { alertGroups, metricsIn } from '@chaveiro/monitoring'
import { panels } from './dashboard-file.js'

const units: Readonly<Record<MetricDefinition['unit'], string>> = {
  seconds: 'seconds',
  timestamp: 'Unix time in seconds',
  count: 'a number',
  boolean: '0 or 1',
}

const alerts = alertGroups.flatMap(({ rules }) => rules)

export function metricsPage(): string {
  const rows = Object.entries<MetricDefinition>(metricDefinitions).map(([name, { type, unit }]) => {
    const shownIn = panels
      .filter(({ targets = [] }) => targets.some(({ expr }) => metricsIn(expr).includes(name)))
      .map(({ title }) => title)
    const watchedBy = alerts
      .filter(({ expr }) => metricsIn(expr).includes(name))
      .map(({ alert }) => `[${alert}](runbooks/alerts.md#${alert.toLowerCase()})`)
    return `| \`${name}\` | ${type} | ${units[unit]} | ${shownIn.join('; ')} | ${watchedBy.join(', ')} |`
  })
  return `# Metrics, and where they are looked at

What each one means, and the values of its labels, is in [telemetry.md](telemetry.md). Panels are those of
\`monitoring/dashboards/vault-spiffe-integration.json\`, alerts those of \`monitoring/alerts/vault-spiffe-alerts.yaml\`.

| metric | type | unit | panels | alerts |
|---|---|---|---|---|
${rows.join('\n')}
`
}
