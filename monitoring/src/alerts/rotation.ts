/**
 * Alerts on credentials of any type: all thresholds are shares of their own lives, so that they mean the same for a
 * minute and for a month.
 * @module
 */
import { perProcess, perService, promql } from '../promql.js'
import type { AlertGroup, AlertRule } from './alert-rule.js'
import { allOf, atLeast, errorRatio, longerThanBlip, stillRange } from './error-ratio.js'

const { series, increase } = promql()

/** A healthy credential is renewed when 0.25 to 0.40 of its life is left, or by a retry before 0.20. */
const nearEnd = 0.1
const runwaySeconds = 15 * 60

/** Below 15 minutes, and nobody brings anything new: what lives for five minutes is always below, in health too. */
function shortRunway(
  dependency: 'vault' | 'spire' | 'database',
  types: readonly ('token' | 'database' | 'pki' | 'kv' | 'x509_svid' | 'jwt_svid')[],
): string {
  const overdue = series('chaveiro_rotation_overdue', { credential_type: types })
  return `(${series('chaveiro_runway_seconds', { dependency })} < ${runwaySeconds}
and on (${perProcess}) sum by (${perProcess}) (${overdue}) > 0)`
}

const life: readonly AlertRule[] = [
  {
    alert: 'ChaveiroRunwayShort',
    severity: 'critical',
    expr: [
      shortRunway('vault', ['token', 'database', 'pki', 'kv']),
      shortRunway('spire', ['x509_svid', 'jwt_svid']),
      shortRunway('database', ['database']),
    ].join('\nor\n'),
    for: '1m',
    summary: 'A service loses what it needs within 15 minutes.',
    description:
      '{{ $labels.job }} in {{ $labels.namespace }} ({{ $labels.instance }}) holds everything that {{ $labels.dependency }} gives it for another {{ $value | humanizeDuration }}, and nothing new comes.',
  },
  {
    alert: 'ChaveiroNothingHeld',
    severity: 'critical',
    expr: `${series('chaveiro_runway_seconds')} <= 0`,
    for: '2m',
    summary: 'A service lacks a credential that it needs.',
    description:
      '{{ $labels.job }} in {{ $labels.namespace }} ({{ $labels.instance }}) holds no valid credential of a kind that only {{ $labels.dependency }} can give.',
  },
  {
    alert: 'ChaveiroRotationOverdue',
    severity: 'warning',
    expr: `${series('chaveiro_rotation_overdue')} > 0`,
    for: '5m',
    summary: 'A credential was not renewed in the first 0.80 of its life.',
    description:
      '{{ $labels.job }} in {{ $labels.namespace }} ({{ $labels.instance }}) has {{ $value }} credentials of type {{ $labels.credential_type }} past 0.80 of their life without a fresh grant.',
  },
  {
    alert: 'ChaveiroTokenNearEnd',
    severity: 'warning',
    expr: `${series('vault_token_ttl_seconds')} / ${series('vault_token_lifetime_seconds')} < ${nearEnd}`,
    for: '1m',
    summary: 'A Vault token is near its end.',
    description:
      '{{ $labels.job }} in {{ $labels.namespace }} ({{ $labels.instance }}) has {{ $value | humanizePercentage }} of the life of its Vault token left.',
  },
  {
    alert: 'ChaveiroCredentialNearEnd',
    severity: 'warning',
    expr: `${series('vault_credential_ttl_seconds')} / ${series('vault_credential_lifetime_seconds')} < ${nearEnd}`,
    for: '1m',
    summary: 'A credential leased from Vault is near its end.',
    description:
      '{{ $labels.job }} in {{ $labels.namespace }} ({{ $labels.instance }}) has {{ $value | humanizePercentage }} of the life of a credential of type {{ $labels.credential_type }} left.',
  },
]

const renewals: readonly AlertRule[] = [
  {
    alert: 'ChaveiroTokenRenewalsFailing',
    severity: 'warning',
    expr: renewalsFailing('vault_token_renewals_total', perService),
    for: longerThanBlip,
    summary: 'Most renewals of Vault tokens fail.',
    description:
      '{{ $value | humanizePercentage }} of the renewals of Vault tokens by {{ $labels.job }} in {{ $labels.namespace }} failed in the last 30 minutes.',
  },
  {
    alert: 'ChaveiroCredentialRenewalsFailing',
    severity: 'warning',
    expr: renewalsFailing('vault_credential_renewals_total', `${perService}, credential_type`),
    for: longerThanBlip,
    summary: 'Most renewals of credentials leased from Vault fail.',
    description:
      '{{ $value | humanizePercentage }} of the renewals of credentials of type {{ $labels.credential_type }} by {{ $labels.job }} in {{ $labels.namespace }} failed in the last 30 minutes.',
  },
]

export const rotationAlerts: AlertGroup = { name: 'chaveiro-rotation', rules: [...life, ...renewals] }

/** Most of 30 minutes, three of them at least, and still. */
function renewalsFailing(name: 'vault_token_renewals_total' | 'vault_credential_renewals_total', by: string): string {
  const errors = (range: string): string => increase(name, range, { status: 'error' })
  return allOf(
    errorRatio({ errors: errors('30m'), all: increase(name, '30m'), by, above: 0.5 }),
    atLeast(3, errors('30m'), by),
    `sum by (${by}) (${errors(stillRange)}) > 0`,
  )
}
