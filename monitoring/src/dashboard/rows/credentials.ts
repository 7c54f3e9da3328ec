/**
 * Credentials that are leased from Vault.
 * @module
 */
import type { DashboardRow } from '../dashboard.js'
import { chosen, fallingBad, lines, neutral } from '../panel.js'

const { series, rate } = chosen
const lifeLeft = `${series('vault_credential_ttl_seconds')} / ${series('vault_credential_lifetime_seconds')}`

export const credentialsRow: DashboardRow = {
  title: 'Credentials leased from Vault',
  panels: () => [
    lines({
      title: 'Life left of credentials',
      description: 'Share of the granted TTL of the credential nearest its end. Below 0.20 a renewal is overdue.',
      unit: 'percentunit',
      queries: [{ expr: `min by (job, credential_type) (${lifeLeft})`, legend: '{{job}}: {{credential_type}}' }],
      thresholds: fallingBad(0.1, 0.2),
      max: 1,
    }),
    lines({
      title: 'Time left of credentials',
      description: 'Of the credential nearest its end, counted at each scrape.',
      unit: 's',
      queries: [
        {
          expr: `min by (job, credential_type) (${series('vault_credential_ttl_seconds')})`,
          legend: '{{job}}: {{credential_type}}',
        },
      ],
      thresholds: neutral,
    }),
    lines({
      title: 'Renewals of credentials',
      description: 'Renewals and replacements, and failures to make one.',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (job, credential_type, status) (${rate('vault_credential_renewals_total', '$__rate_interval')})`,
          legend: '{{job}}: {{credential_type}} {{status}}',
        },
      ],
      thresholds: neutral,
    }),
  ],
}
