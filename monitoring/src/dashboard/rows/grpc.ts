/**
 * Who is let in, and who is not.
 * @module
 */
import type { DashboardRow } from '../dashboard.js'
import { chosen, lines, neutral, risingBad } from '../panel.js'

const { rate } = chosen
const attempts = rate('grpc_jwt_auth_attempts_total', '$__rate_interval')
const refused = rate('grpc_jwt_auth_attempts_total', '$__rate_interval', { status: 'failure' })

export const grpcRow: DashboardRow = {
  title: 'gRPC authentication',
  panels: () => [
    lines({
      title: 'Calls judged',
      description: 'Let in, refused, or let in without an identity because SPIFFE is switched off (fallback).',
      unit: 'reqps',
      queries: [{ expr: `sum by (job, status) (${attempts})`, legend: '{{job}}: {{status}}' }],
      thresholds: neutral,
    }),
    lines({
      title: 'Calls refused, by reason',
      description:
        'Where to look: token_expired and token_not_yet_valid: clocks. audience_mismatch, not_authorized: configuration. key_unknown: a bundle that is behind. signature_invalid: forgery.',
      unit: 'reqps',
      queries: [
        {
          expr: `sum by (reason) (${rate('grpc_jwt_auth_failures_total', '$__rate_interval')})`,
          legend: '{{reason}}',
        },
      ],
      thresholds: neutral,
    }),
    lines({
      title: 'Share of calls refused',
      description: 'Of all calls that were judged. Alert: ChaveiroCallersRefused, above one call in ten.',
      unit: 'percentunit',
      queries: [{ expr: `sum by (job) (${refused}) / sum by (job) (${attempts})`, legend: '{{job}}' }],
      thresholds: risingBad(0.05, 0.1),
      max: 1,
    }),
  ],
}
