/**
 * What to look at first: how long things last, and what Vault's clients see of it.
 * @module
 */

import type { DashboardRow } from '../dashboard.js'
import { chosen, lines, neutral, noneIsGood, someIsGood, stat } from '../panel.js'

const { series } = chosen

export const overviewRow: DashboardRow = {
  title: 'Overview',
  panels: () => [
    stat({
      title: 'Services reporting',
      description: 'Processes whose metrics Prometheus has. When it falls and nobody took one away, look at Targets.',
      unit: 'short',
      queries: [
        {
          expr: `count(${series('chaveiro_static_credentials_in_use', { dependency: 'vault' })})`,
          legend: 'processes',
        },
      ],
      thresholds: someIsGood,
    }),
    stat({
      title: 'Credentials overdue',
      description: 'Credentials past 0.80 of their life without a fresh grant. In health there are none.',
      unit: 'short',
      queries: [{ expr: `sum(${series('chaveiro_rotation_overdue')})`, legend: 'overdue' }],
      thresholds: noneIsGood,
    }),
    stat({
      title: 'Processes that see Vault sealed or away',
      description: 'By the last answer that each process had. Alert: ChaveiroVaultSealed, ChaveiroVaultUnreachable.',
      unit: 'short',
      queries: [
        {
          expr: `sum(${series('chaveiro_vault_up', { state: ['sealed', 'uninitialized', 'unreachable'] })})`,
          legend: 'processes',
        },
      ],
      thresholds: noneIsGood,
    }),
    stat({
      title: 'On static credentials',
      description: 'Processes in which static credentials stand in for Vault or SPIFFE, because it is switched off.',
      unit: 'short',
      queries: [{ expr: `sum(${series('chaveiro_static_credentials_in_use')})`, legend: 'processes' }],
      thresholds: noneIsGood,
    }),
    lines({
      title: 'Runway',
      description:
        'How long each service still holds everything it needs if that dependency vanished now. Without the dependency it falls by a second each second. Alert: ChaveiroRunwayShort.',
      unit: 's',
      queries: [
        { expr: `min by (job, dependency) (${series('chaveiro_runway_seconds')})`, legend: '{{job}}: {{dependency}}' },
      ],
      thresholds: neutral,
      columns: 12,
    }),
    lines({
      title: 'Vault, as its clients see it',
      description: 'How many processes had this as the last answer of Vault. All should be active or standby.',
      unit: 'short',
      queries: [{ expr: `sum by (state) (${series('chaveiro_vault_up')})`, legend: '{{state}}' }],
      thresholds: neutral,
      columns: 12,
    }),
  ],
}
