/**
 * Alerts on silence: every other alert stays quiet when nothing is scraped.
 * @module
 */
import { perService, promql } from '../promql.js'
import type { AlertGroup } from './alert-rule.js'

const { series } = promql()

/** Every process emits this one from its first scrape on, whatever it holds. */
const always = series('chaveiro_static_credentials_in_use', { dependency: 'vault' })

export const presenceAlerts: AlertGroup = {
  name: 'chaveiro-presence',
  rules: [
    {
      alert: 'ChaveiroMetricsAbsent',
      severity: 'critical',
      expr: `absent(${always})`,
      for: '10m',
      summary: 'No service reports its credentials.',
      description:
        'Prometheus has no metric of Chaveiro from any service, so no other alert of these can fire. Nothing is known about tokens, credentials and SVIDs.',
    },
    {
      alert: 'ChaveiroServiceMetricsGone',
      severity: 'warning',
      expr: `count by (${perService}) (present_over_time(${always}[1h])) > 0
unless on (${perService}) count by (${perService}) (${always})`,
      for: '10m',
      summary: 'A service has stopped reporting its credentials.',
      description:
        '{{ $labels.job }} in {{ $labels.namespace }} reported within the last hour and does not any more: {{ $value }} processes are gone or not scraped.',
    },
  ],
}
