/**
 * Alerts on Vault as its clients see it. What Vault says of itself is not relied on: a sealed node often exposes
 * nothing, and its gauge of being unsealed vanishes or sticks.
 * @module
 */
import { perService, promql } from '../promql.js'
import type { AlertGroup, AlertRule } from './alert-rule.js'
import { allOf, atLeast, errorRatio, longerThanBlip, stillRange } from './error-ratio.js'

const { series, increase, quantile, slower } = promql()

const seen = (state: 'sealed' | 'unreachable' | 'uninitialized'): string =>
  `sum by (${perService}) (${series('chaveiro_vault_up', { state })}) > 0`

const states: readonly AlertRule[] = [
  {
    alert: 'ChaveiroVaultSealed',
    severity: 'critical',
    expr: seen('sealed'),
    for: '2m',
    summary: 'Vault is sealed.',
    description:
      'Vault answered that it is sealed to {{ $value }} processes of {{ $labels.job }} in {{ $labels.namespace }}. What they hold goes on working until it ends.',
  },
  {
    alert: 'ChaveiroVaultUninitialized',
    severity: 'critical',
    expr: seen('uninitialized'),
    for: '2m',
    summary: 'Vault has no data.',
    description:
      'Vault answered that it is not initialized to {{ $value }} processes of {{ $labels.job }} in {{ $labels.namespace }}: it runs on an empty storage, or they call the wrong server.',
  },
  {
    alert: 'ChaveiroVaultUnreachable',
    severity: 'warning',
    expr: seen('unreachable'),
    for: '5m',
    summary: 'Vault does not answer.',
    description: '{{ $value }} processes of {{ $labels.job }} in {{ $labels.namespace }} cannot reach Vault.',
  },
]

/** An answer that a secret does not exist, or that another node must be asked, is no failure. */
const failed = { status: { not: ['success', 'not_found', 'standby'] } } as const

/** One request in a hundred may fail; alerts come when that is used up so many times faster. */
const tolerated = 0.01

function burns(long: string, short: string, times: number): string {
  const ratio = (range: string): string =>
    errorRatio({
      errors: increase('vault_requests_total', range, failed),
      all: increase('vault_requests_total', range),
      by: perService,
      above: Number((tolerated * times).toFixed(3)),
    })
  return allOf(ratio(long), ratio(short), atLeast(5, increase('vault_requests_total', long, failed), perService))
}

const requests: readonly AlertRule[] = [
  {
    alert: 'ChaveiroVaultRequestsFailing',
    severity: 'warning',
    expr: burns('1h', stillRange, 14.4),
    for: longerThanBlip,
    summary: 'Many requests to Vault fail.',
    description:
      '{{ $value | humanizePercentage }} of the requests of {{ $labels.job }} in {{ $labels.namespace }} to Vault failed in the last hour.',
  },
  {
    alert: 'ChaveiroVaultRequestsFailingSlowly',
    severity: 'warning',
    expr: burns('6h', '30m', 6),
    for: '35m',
    summary: 'Requests to Vault keep failing.',
    description:
      '{{ $value | humanizePercentage }} of the requests of {{ $labels.job }} in {{ $labels.namespace }} to Vault failed in the last six hours.',
  },
  {
    alert: 'ChaveiroVaultRequestsSlow',
    severity: 'warning',
    expr: allOf(
      `${quantile(0.95, 'vault_request_duration_seconds', stillRange, perService)} > 1`,
      `${slower(1, 'vault_request_duration_seconds', stillRange, perService)} > 2.5`,
    ),
    for: longerThanBlip,
    summary: 'Vault answers slowly.',
    description:
      'One request in twenty of {{ $labels.job }} in {{ $labels.namespace }} to Vault takes {{ $value | humanizeDuration }} or longer.',
  },
]

export const vaultAlerts: AlertGroup = { name: 'chaveiro-vault', rules: [...states, ...requests] }
