/**
 * The registry of metrics: each one's name, type, unit, labels with the closed sets of their values, and meaning.
 * Plain data. The code that counts, the documentation, the dashboard and the alerts are all made from it.
 * @module
 */

export type MetricType = 'gauge' | 'counter' | 'histogram'

/** What a sample counts in. `timestamp`: seconds since the Unix epoch. */
export type MetricUnit = 'seconds' | 'timestamp' | 'count' | 'boolean'

/**
 * The values that a label can take. `service_name` is the one open value: the name that the service's owner gave it,
 * so one value per process.
 */
export type LabelValues = readonly string[] | 'service_name'

/** One metric. */
export interface MetricDefinition {
  readonly type: MetricType
  readonly unit: MetricUnit
  readonly help: string
  readonly labels: Readonly<Record<string, LabelValues>>
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[]
}

/** Stands in for a value outside its closed set, so that no text of a stranger ever becomes a label. */
export const otherValue = 'other'

const outcome = ['success', 'error'] as const
const svidType = ['x509', 'jwt'] as const

/** What is leased from Vault beside the token. */
const leasedTypes = ['database', 'pki', 'kv', otherValue] as const

/** All that expires. */
const credentialTypes = ['token', 'database', 'pki', 'kv', 'x509_svid', 'jwt_svid', otherValue] as const

const vaultOperations = [
  'login',
  'token_create',
  'token_lookup',
  'token_renew',
  'token_revoke',
  'kv_read',
  'kv_write',
  'kv_list',
  'kv_delete',
  'database_credential',
  'database_static_credential',
  'database_configure',
  'auth_configure',
  'lease_renew',
  'lease_revoke',
  'lease_lookup',
  'health',
  'seal_status',
  'sys',
  otherValue,
] as const

const vaultStatus = [
  'success',
  'sealed',
  'permission_denied',
  'not_found',
  'invalid_request',
  'rate_limited',
  'standby',
  'uninitialized',
  'timeout',
  'unreachable',
  'error',
  otherValue,
] as const

/** The states of Vault as a client sees them. */
export const vaultStates = ['active', 'standby', 'sealed', 'uninitialized', 'unreachable'] as const

/** What this service depends on. */
export const dependencies = ['vault', 'spire', 'database'] as const

const refusalReasons = [
  'token_missing',
  'token_repeated',
  'scheme_unsupported',
  'token_malformed',
  'algorithm_refused',
  'audience_mismatch',
  'token_expired',
  'token_not_yet_valid',
  'subject_invalid',
  'trust_domain_unknown',
  'key_unknown',
  'signature_invalid',
  'peer_unverified',
  'peer_mismatch',
  'not_authorized',
  'method_not_named',
  'internal_error',
  otherValue,
] as const

/** From a request on loopback to one that a slow server holds until the client gives up. */
const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

export const metricDefinitions = {
  vault_token_ttl_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'Seconds that the Vault token still lives, at scrape time; +Inf when it never ends.',
    labels: {},
  },
  vault_token_lifetime_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'TTL that Vault granted to the token, in seconds.',
    labels: {},
  },
  vault_token_renewals_total: {
    type: 'counter',
    unit: 'count',
    help: 'Renewals of the Vault token, and logins in place of one.',
    labels: { status: outcome },
  },
  vault_requests_total: {
    type: 'counter',
    unit: 'count',
    help: 'Requests to Vault.',
    labels: { operation: vaultOperations, status: vaultStatus },
  },
  vault_request_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    help: 'Time that a request to Vault took.',
    labels: { operation: vaultOperations },
    buckets: requestBuckets,
  },
  vault_credential_renewals_total: {
    type: 'counter',
    unit: 'count',
    help: 'Renewals and replacements of credentials leased from Vault.',
    labels: { credential_type: leasedTypes, status: outcome },
  },
  vault_credential_ttl_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'Seconds that the credential nearest its end still lives, at scrape time; +Inf when it never ends.',
    labels: { credential_type: leasedTypes },
  },
  vault_credential_lifetime_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'TTL that was granted to that credential, in seconds.',
    labels: { credential_type: leasedTypes },
  },
  spiffe_svid_fetch_total: {
    type: 'counter',
    unit: 'count',
    help: 'SVIDs received from the Workload API, and failures to receive one.',
    labels: { svid_type: svidType, status: outcome },
  },
  spiffe_svid_fetch_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    help: 'Time that fetching an SVID took.',
    labels: { svid_type: svidType },
    buckets: requestBuckets,
  },
  spiffe_svid_ttl_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'Seconds that the SVID nearest its end still lives, at scrape time.',
    labels: { svid_type: svidType },
  },
  spiffe_svid_lifetime_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'Life that was given to that SVID, in seconds.',
    labels: { svid_type: svidType },
  },
  spiffe_trust_bundle_updates_total: {
    type: 'counter',
    unit: 'count',
    help: 'Updates of trust bundles.',
    labels: { status: outcome },
  },
  spiffe_trust_bundle_last_update_timestamp_seconds: {
    type: 'gauge',
    unit: 'timestamp',
    help: 'When a trust bundle was last updated.',
    labels: {},
  },
  grpc_jwt_auth_attempts_total: {
    type: 'counter',
    unit: 'count',
    help: 'Calls whose caller was judged: let in, refused, or let in without an identity because SPIFFE is off.',
    labels: { service: 'service_name', status: ['success', 'failure', 'fallback'] },
  },
  grpc_jwt_auth_failures_total: {
    type: 'counter',
    unit: 'count',
    help: 'Calls that were refused, by reason.',
    labels: { service: 'service_name', reason: refusalReasons },
  },
  chaveiro_rotation_overdue: {
    type: 'gauge',
    unit: 'count',
    help: 'Credentials past 0.80 of their TTL without a fresh grant.',
    labels: { credential_type: credentialTypes },
  },
  chaveiro_rotation_last_success_timestamp_seconds: {
    type: 'gauge',
    unit: 'timestamp',
    help: 'When a credential of this type was last obtained or renewed; the oldest, where there are several.',
    labels: { credential_type: credentialTypes },
  },
  chaveiro_vault_up: {
    type: 'gauge',
    unit: 'boolean',
    help: 'State of Vault as this client last saw it: 1 for that state, 0 for the others.',
    labels: { state: vaultStates },
  },
  chaveiro_runway_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'How long this service still holds everything it needs if that dependency vanished now; +Inf: for ever.',
    labels: { dependency: dependencies },
  },
  chaveiro_static_credentials_in_use: {
    type: 'gauge',
    unit: 'boolean',
    help: 'Whether static credentials stand in for that dependency because it is switched off: 1, else 0.',
    labels: { dependency: ['vault', 'spire'] },
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>

export type MetricName = keyof typeof metricDefinitions

type LabelValue<Values> = Values extends readonly (infer Value)[] ? Value : string

/** The labels of one metric, each with its closed set. */
export type MetricLabels<Name extends MetricName> = {
  readonly [Label in keyof (typeof metricDefinitions)[Name]['labels']]: LabelValue<
    (typeof metricDefinitions)[Name]['labels'][Label]
  >
}
