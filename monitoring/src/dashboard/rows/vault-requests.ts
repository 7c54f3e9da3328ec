/**
 * Requests to Vault.
 * @module
 */
import type { DashboardRow } from '../dashboard.js'
import { chosen, lines, neutral, risingBad } from '../panel.js'

const { rate, quantile } = chosen
const all = rate('vault_requests_total', '$__rate_interval')
const failed = rate('vault_requests_total', '$__rate_interval', {
  status: { not: ['success', 'not_found', 'standby'] },
})

export const vaultRequestsRow: DashboardRow = {
  title: 'Requests to Vault',
  panels: () => [
    lines({
      title: 'Requests, by operation',
      description: 'All requests of the chosen services, with their retries counted as one.',
      unit: 'reqps',
      queries: [{ expr: `sum by (operation) (${all})`, legend: '{{operation}}' }],
      thresholds: neutral,
    }),
    lines({
      title: 'Requests, by status',
      description:
        'Where to look: sealed, unreachable and timeout: Vault. permission_denied: policies; ask `chaveiro why`.',
      unit: 'reqps',
      queries: [{ expr: `sum by (status) (${all})`, legend: '{{status}}' }],
      thresholds: neutral,
    }),
    lines({
      title: 'Share of requests failed',
      description: 'Without not_found and standby, which are answers. Alert: ChaveiroVaultRequestsFailing.',
      unit: 'percentunit',
      // Nothing failed is no series; adding none of everything makes it zero.
      queries: [
        { expr: `(sum by (job) (${failed}) or sum by (job) (${all}) * 0) / sum by (job) (${all})`, legend: '{{job}}' },
      ],
      thresholds: risingBad(0.01, 0.144),
      max: 1,
    }),
    lines({
      title: 'Time that requests take (p95), by operation',
      description: 'What 95 of 100 requests stayed below. Alert: ChaveiroVaultRequestsSlow, above one second.',
      unit: 's',
      queries: [
        {
          expr: quantile(0.95, 'vault_request_duration_seconds', '$__rate_interval', 'operation'),
          legend: '{{operation}}',
        },
      ],
      thresholds: risingBad(0.5, 1),
      columns: 24,
    }),
  ],
}
