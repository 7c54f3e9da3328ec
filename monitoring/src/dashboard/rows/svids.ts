/**
 * Identities: SVIDs, and the bundles by which those of others are judged.
 * @module
 */
import type { DashboardRow } from '../dashboard.js'
import { chosen, fallingBad, lines, neutral, risingBad } from '../panel.js'

const { series, rate, quantile } = chosen
const lifeLeft = `${series('spiffe_svid_ttl_seconds')} / ${series('spiffe_svid_lifetime_seconds')}`
const updatedAt = series('spiffe_trust_bundle_last_update_timestamp_seconds')

export const svidsRow: DashboardRow = {
  title: 'SVIDs and trust bundles',
  panels: () => [
    lines({
      title: 'Life left of SVIDs',
      description: 'Share of the life of the SVID nearest its end. The agent brings the next X.509-SVID at about 0.50.',
      unit: 'percentunit',
      queries: [{ expr: `min by (job, svid_type) (${lifeLeft})`, legend: '{{job}}: {{svid_type}}' }],
      thresholds: fallingBad(0.1, 0.2),
      max: 1,
    }),
    lines({
      title: 'SVIDs received',
      description:
        'From the Workload API, and failures to receive one. Failures alone: is the agent up, is there an entry?',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (job, svid_type, status) (${rate('spiffe_svid_fetch_total', '$__rate_interval')})`,
          legend: '{{job}}: {{svid_type}} {{status}}',
        },
      ],
      thresholds: neutral,
    }),
    lines({
      title: 'Time to fetch an SVID (p95)',
      description:
        'What 95 of 100 fetches stayed below. An X.509-SVID that the agent pushed took no time and is not counted.',
      unit: 's',
      queries: [
        {
          expr: quantile(0.95, 'spiffe_svid_fetch_duration_seconds', '$__rate_interval', 'svid_type'),
          legend: '{{svid_type}}',
        },
      ],
      thresholds: risingBad(0.5, 1),
    }),
    lines({
      title: 'Age of the trust bundle',
      description:
        'Since it last changed. Age alone is no fault, since it changes only with its authorities; age and failing updates are: ChaveiroTrustBundleStale.',
      unit: 's',
      queries: [{ expr: `max by (job) (time() - ${updatedAt})`, legend: '{{job}}' }],
      thresholds: neutral,
      columns: 12,
    }),
    lines({
      title: 'Updates of trust bundles',
      description: 'Changes that were received, and failures of the stream that brings them.',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (job, status) (${rate('spiffe_trust_bundle_updates_total', '$__rate_interval')})`,
          legend: '{{job}}: {{status}}',
        },
      ],
      thresholds: neutral,
      columns: 12,
    }),
  ],
}
