/**
 * The engine that keeps everything fresh.
 * @module
 */
import type { DashboardRow } from '../dashboard.js'
import { chosen, lines, neutral, noneIsGood, risingBad } from '../panel.js'

const { series } = chosen

export const rotationRow: DashboardRow = {
  title: 'Rotation',
  panels: () => [
    lines({
      title: 'Overdue, by type',
      description: 'Credentials past 0.80 of their life without a fresh grant. Alert: ChaveiroRotationOverdue.',
      unit: 'short',
      queries: [
        {
          expr: `sum by (job, credential_type) (${series('chaveiro_rotation_overdue')})`,
          legend: '{{job}}: {{credential_type}}',
        },
      ],
      thresholds: noneIsGood,
    }),
    lines({
      title: 'Age, as a share of the life',
      description:
        'How much of its life each kind of credential has passed. First attempts come between 0.60 and 0.75, a retry before 0.80.',
      unit: 'percentunit',
      queries: [
        {
          expr: `max by (job) (1 - ${series('vault_token_ttl_seconds')} / ${series('vault_token_lifetime_seconds')})`,
          legend: '{{job}}: token',
        },
        {
          expr: `max by (job, credential_type) (1 - ${series('vault_credential_ttl_seconds')} / ${series('vault_credential_lifetime_seconds')})`,
          legend: '{{job}}: {{credential_type}}',
        },
        {
          expr: `max by (job, svid_type) (1 - ${series('spiffe_svid_ttl_seconds')} / ${series('spiffe_svid_lifetime_seconds')})`,
          legend: '{{job}}: {{svid_type}} SVID',
        },
      ],
      thresholds: risingBad(0.8, 0.9),
      max: 1,
    }),
    lines({
      title: 'Since the last success',
      description: 'Time since a credential of this type was obtained or renewed; the oldest, where there are several.',
      unit: 's',
      queries: [
        {
          expr: `max by (job, credential_type) (time() - ${series('chaveiro_rotation_last_success_timestamp_seconds')})`,
          legend: '{{job}}: {{credential_type}}',
        },
      ],
      thresholds: neutral,
    }),
  ],
}
