/**
 * The Vault token.
 * @module
 */
import type { DashboardRow } from '../dashboard.js'
import { chosen, fallingBad, lines, neutral } from '../panel.js'

const { series, rate } = chosen

export const tokenRow: DashboardRow = {
  title: 'Vault token',
  panels: () => [
    lines({
      title: 'Life left of the token',
      description:
        'Share of the granted TTL. It falls to between 0.40 and 0.25, then a renewal lifts it. Below 0.20 a renewal is overdue.',
      unit: 'percentunit',
      queries: [
        {
          expr: `min by (job) (${series('vault_token_ttl_seconds')} / ${series('vault_token_lifetime_seconds')})`,
          legend: '{{job}}',
        },
      ],
      thresholds: fallingBad(0.1, 0.2),
      max: 1,
    }),
    lines({
      title: 'Time left of the token',
      description: 'Counted at each scrape. A token that never ends is not drawn.',
      unit: 's',
      queries: [{ expr: `min by (job) (${series('vault_token_ttl_seconds')})`, legend: '{{job}}' }],
      thresholds: neutral,
    }),
    lines({
      title: 'Renewals of the token',
      description: 'Renewals, and logins in place of one. Errors are retried with back-off while the token lives.',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (job, status) (${rate('vault_token_renewals_total', '$__rate_interval')})`,
          legend: '{{job}}: {{status}}',
        },
      ],
      thresholds: neutral,
    }),
  ],
}
