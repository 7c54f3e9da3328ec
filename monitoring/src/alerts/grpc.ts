/**
 * Alerts on who is let in, and on what stands in for SPIFFE and Vault.
 * @module
 */
import { perService, promql } from '../promql.js'
import type { AlertGroup } from './alert-rule.js'
import { allOf, atLeast, errorRatio } from './error-ratio.js'

const { series, increase } = promql()

const refused = (range: string): string => increase('grpc_jwt_auth_attempts_total', range, { status: 'failure' })
const refusedAbove = (range: string, above: number): string =>
  errorRatio({ errors: refused(range), all: increase('grpc_jwt_auth_attempts_total', range), by: perService, above })

export const grpcAlerts: AlertGroup = {
  name: 'chaveiro-grpc',
  rules: [
    {
      alert: 'ChaveiroCallersRefused',
      severity: 'warning',
      expr: allOf(refusedAbove('30m', 0.1), refusedAbove('5m', 0.1), atLeast(20, refused('30m'), perService)),
      for: '6m',
      summary: 'Many callers are refused.',
      description:
        '{{ $labels.job }} in {{ $labels.namespace }} refused {{ $value | humanizePercentage }} of its calls in the last 30 minutes.',
    },
    {
      alert: 'ChaveiroFallbackCalls',
      severity: 'warning',
      expr: `sum by (${perService}) (${increase('grpc_jwt_auth_attempts_total', '5m', { status: 'fallback' })}) > 0`,
      for: '6m',
      summary: 'Callers without an identity are let in.',
      description:
        '{{ $labels.job }} in {{ $labels.namespace }} let in {{ $value | humanize }} calls without an identity in the last 5 minutes, because SPIFFE is switched off.',
    },
    {
      alert: 'ChaveiroStaticCredentialsInUse',
      severity: 'warning',
      expr: `sum by (${perService}, dependency) (${series('chaveiro_static_credentials_in_use')}) > 0`,
      for: '15m',
      summary: 'Static credentials stand in for Vault or SPIFFE.',
      description:
        '{{ $value }} processes of {{ $labels.job }} in {{ $labels.namespace }} run on static credentials in place of {{ $labels.dependency }}. Nothing renews or revokes them.',
    },
  ],
}
