/**
 * What each alert is for: the fault that must set it off, how the firing reads, and when it must be over.
 * @module
 */
import { always, type Course, type Day, passed, type Span, within } from './day.js'

export interface Fault {
  readonly alert: string
  /** Puts the fault into a healthy day, for that time. */
  readonly put: (day: Day, span: Span) => void
  /** Minute at which the alert must fire; the fault lasts from minute 120 to 180. */
  readonly firesAt: number
  /** Minute by which it must be silent again. */
  readonly overBy: number
  /** Labels of the firing beside severity, and its description. */
  readonly labels: Readonly<Record<string, string>>
  readonly description: string
}

const service = { namespace: 'neural-hive-orchestration', job: 'orchestrator-dynamic' }
const process = { ...service, instance: '10.0.0.7:9464' }

/** The fault in the tests of firing; a blip is the same for one minute. */
export const faultSpan: Span = { from: 120, to: 180, burst: 1 }
export const blipSpan: Span = { from: 120, to: 121, burst: 16 }

/** While it lasts, this value in place of the usual one. */
const instead =
  (span: Span, value: number | undefined) =>
  (minute: number, usual: number): number | undefined =>
    within(span, minute) ? value : usual

/** While it lasts, a counter grows by this much a minute, beyond the usual. */
const growing =
  (span: Span, perMinute: number) =>
  (minute: number, usual: number): number =>
    usual + perMinute * span.burst * passed(span, minute)

/** A counter that stands still while it lasts. */
const frozen =
  (span: Span) =>
  (minute: number, usual: number, course: Course): number => {
    const before = course(span.from) ?? 0
    if (within(span, minute)) return before
    return minute < span.from ? usual : usual - ((course(span.to) ?? 0) - before)
  }

/** A life that goes on falling, because nothing renews it. */
const unrenewed =
  (span: Span, lifeAtStart: number) =>
  (minute: number, usual: number): number =>
    within(span, minute) ? Math.max(0, lifeAtStart - 60 * passed(span, minute)) : usual

const vaultSeen =
  (state: string) =>
  (day: Day, span: Span): void => {
    day.change('chaveiro_vault_up', { state }, instead(span, 1))
    day.change('chaveiro_vault_up', { state: 'active' }, instead(span, 0))
  }

const gone =
  (span: Span) =>
  (course: Course): Course =>
  (minute) =>
    within(span, minute) ? undefined : course(minute)

const overdue = (day: Day, span: Span, credential_type: string): void =>
  day.change('chaveiro_rotation_overdue', { credential_type }, instead(span, 1))

export const faults: readonly Fault[] = [
  {
    alert: 'ChaveiroMetricsAbsent',
    put: (day, span) => day.changeAll(gone(span)),
    firesAt: 131,
    overBy: 181,
    labels: { dependency: 'vault' },
    description:
      'Prometheus has no metric of Chaveiro from any service, so no other alert of these can fire. Nothing is known about tokens, credentials and SVIDs.',
  },
  {
    alert: 'ChaveiroServiceMetricsGone',
    put: (day, span) => {
      day.changeAll(gone(span))
      const other = { dependency: 'vault', pod: 'elsewhere', job: 'worker-agents' }
      day.set('chaveiro_static_credentials_in_use', other, always(0))
    },
    firesAt: 131,
    overBy: 181,
    labels: service,
    description:
      'orchestrator-dynamic in neural-hive-orchestration reported within the last hour and does not any more: 1 processes are gone or not scraped.',
  },
  {
    alert: 'ChaveiroRunwayShort',
    put: (day, span) => {
      overdue(day, span, 'token')
      day.change('chaveiro_runway_seconds', { dependency: 'vault' }, unrenewed(span, 720))
    },
    firesAt: 122,
    overBy: 181,
    labels: { ...process, dependency: 'vault' },
    description:
      'orchestrator-dynamic in neural-hive-orchestration (10.0.0.7:9464) holds everything that vault gives it for another 10m 0s, and nothing new comes.',
  },
  {
    alert: 'ChaveiroNothingHeld',
    put: (day, span) => day.change('chaveiro_runway_seconds', { dependency: 'spire' }, instead(span, 0)),
    firesAt: 123,
    overBy: 181,
    labels: { ...process, dependency: 'spire' },
    description:
      'orchestrator-dynamic in neural-hive-orchestration (10.0.0.7:9464) holds no valid credential of a kind that only spire can give.',
  },
  {
    alert: 'ChaveiroRotationOverdue',
    put: (day, span) => overdue(day, span, 'database'),
    firesAt: 126,
    overBy: 181,
    labels: { ...process, credential_type: 'database' },
    description:
      'orchestrator-dynamic in neural-hive-orchestration (10.0.0.7:9464) has 1 credentials of type database past 0.80 of their life without a fresh grant.',
  },
  {
    alert: 'ChaveiroTokenNearEnd',
    put: (day, span) => day.change('vault_token_ttl_seconds', {}, unrenewed(span, 360)),
    firesAt: 123,
    overBy: 181,
    labels: process,
    description:
      'orchestrator-dynamic in neural-hive-orchestration (10.0.0.7:9464) has 5% of the life of its Vault token left.',
  },
  {
    alert: 'ChaveiroCredentialNearEnd',
    put: (day, span) =>
      day.change('vault_credential_ttl_seconds', { credential_type: 'database' }, unrenewed(span, 120)),
    firesAt: 122,
    overBy: 181,
    labels: { ...process, credential_type: 'database' },
    description:
      'orchestrator-dynamic in neural-hive-orchestration (10.0.0.7:9464) has 0% of the life of a credential of type database left.',
  },
  {
    alert: 'ChaveiroTokenRenewalsFailing',
    put: (day, span) => day.change('vault_token_renewals_total', { status: 'error' }, growing(span, 0.25)),
    firesAt: 160,
    overBy: 195,
    labels: service,
    description:
      '100% of the renewals of Vault tokens by orchestrator-dynamic in neural-hive-orchestration failed in the last 30 minutes.',
  },
  {
    alert: 'ChaveiroCredentialRenewalsFailing',
    put: (day, span) => {
      const database = { credential_type: 'database' }
      day.change('vault_credential_renewals_total', { ...database, status: 'error' }, growing(span, 0.25))
      day.change('vault_credential_renewals_total', { ...database, status: 'success' }, frozen(span))
    },
    firesAt: 150,
    overBy: 195,
    labels: { ...service, credential_type: 'database' },
    description:
      '100% of the renewals of credentials of type database by orchestrator-dynamic in neural-hive-orchestration failed in the last 30 minutes.',
  },
  {
    alert: 'ChaveiroVaultSealed',
    put: vaultSeen('sealed'),
    firesAt: 123,
    overBy: 181,
    labels: service,
    description:
      'Vault answered that it is sealed to 1 processes of orchestrator-dynamic in neural-hive-orchestration. What they hold goes on working until it ends.',
  },
  {
    alert: 'ChaveiroVaultUninitialized',
    put: vaultSeen('uninitialized'),
    firesAt: 123,
    overBy: 181,
    labels: service,
    description:
      'Vault answered that it is not initialized to 1 processes of orchestrator-dynamic in neural-hive-orchestration: it runs on an empty storage, or they call the wrong server.',
  },
  {
    alert: 'ChaveiroVaultUnreachable',
    put: vaultSeen('unreachable'),
    firesAt: 126,
    overBy: 181,
    labels: service,
    description: '1 processes of orchestrator-dynamic in neural-hive-orchestration cannot reach Vault.',
  },
  {
    alert: 'ChaveiroVaultRequestsFailing',
    put: (day, span) =>
      day.change('vault_requests_total', { operation: 'kv_read', status: 'sealed' }, growing(span, 1)),
    firesAt: 155,
    overBy: 195,
    labels: service,
    description:
      '30.17% of the requests of orchestrator-dynamic in neural-hive-orchestration to Vault failed in the last hour.',
  },
  {
    alert: 'ChaveiroVaultRequestsFailingSlowly',
    put: (day, span) =>
      day.change('vault_requests_total', { operation: 'kv_read', status: 'sealed' }, growing(span, 1)),
    firesAt: 175,
    overBy: 215,
    labels: service,
    description:
      '19.03% of the requests of orchestrator-dynamic in neural-hive-orchestration to Vault failed in the last six hours.',
  },
  {
    alert: 'ChaveiroVaultRequestsSlow',
    put: (day, span) => {
      // As many requests more, all of them slow: only the buckets above a second know of them.
      for (const le of ['2.5', '+Inf']) {
        day.change('vault_request_duration_seconds_bucket', { operation: 'kv_read', le }, growing(span, 1))
      }
    },
    firesAt: 150,
    overBy: 200,
    labels: service,
    description:
      'One request in twenty of orchestrator-dynamic in neural-hive-orchestration to Vault takes 2.35s or longer.',
  },
  {
    alert: 'ChaveiroSvidNearEnd',
    put: (day, span) => day.change('spiffe_svid_ttl_seconds', { svid_type: 'x509' }, unrenewed(span, 300)),
    firesAt: 122,
    overBy: 181,
    labels: { ...process, svid_type: 'x509' },
    description:
      'orchestrator-dynamic in neural-hive-orchestration (10.0.0.7:9464) has 5% of the life of its x509 SVID left.',
  },
  {
    alert: 'ChaveiroSvidFetchFailing',
    put: (day, span) => {
      day.change('spiffe_svid_fetch_total', { svid_type: 'jwt', status: 'error' }, growing(span, 1))
      day.change('spiffe_svid_fetch_total', { svid_type: 'jwt', status: 'success' }, frozen(span))
    },
    firesAt: 150,
    overBy: 195,
    labels: { ...service, svid_type: 'jwt' },
    description:
      '100% of the fetches of jwt SVIDs by orchestrator-dynamic in neural-hive-orchestration failed in the last 30 minutes.',
  },
  {
    alert: 'ChaveiroTrustBundleStale',
    put: (day, span) => day.change('spiffe_trust_bundle_updates_total', { status: 'error' }, growing(span, 1)),
    firesAt: 150,
    overBy: 200,
    labels: process,
    description:
      'orchestrator-dynamic in neural-hive-orchestration (10.0.0.7:9464) had the last news of its trust bundles 2h 30m 0s ago, and updates fail.',
  },
  {
    alert: 'ChaveiroCallersRefused',
    put: (day, span) =>
      day.change('grpc_jwt_auth_attempts_total', { service: service.job, status: 'failure' }, growing(span, 6)),
    firesAt: 150,
    overBy: 190,
    labels: service,
    description:
      'orchestrator-dynamic in neural-hive-orchestration refused 33.33% of its calls in the last 30 minutes.',
  },
  {
    alert: 'ChaveiroFallbackCalls',
    put: (day, span) =>
      day.change('grpc_jwt_auth_attempts_total', { service: service.job, status: 'fallback' }, growing(span, 2)),
    firesAt: 130,
    overBy: 195,
    labels: service,
    description:
      'orchestrator-dynamic in neural-hive-orchestration let in 10 calls without an identity in the last 5 minutes, because SPIFFE is switched off.',
  },
  {
    alert: 'ChaveiroStaticCredentialsInUse',
    put: (day, span) => day.change('chaveiro_static_credentials_in_use', { dependency: 'vault' }, instead(span, 1)),
    firesAt: 136,
    overBy: 181,
    labels: { ...service, dependency: 'vault' },
    description:
      '1 processes of orchestrator-dynamic in neural-hive-orchestration run on static credentials in place of vault. Nothing renews or revokes them.',
  },
]
