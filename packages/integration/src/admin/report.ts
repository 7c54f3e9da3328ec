/**
 * What the admin endpoints tell: plain data, in the words of the JSON that they answer. No value, no secret.
 * @module
 */

/** Something that happened to a credential. */
export interface EventReport {
  readonly event: string
  /** ISO 8601. */
  readonly at: string
  readonly cause: string | null
  readonly error_code: string | null
  readonly ttl_seconds: number | null
  /** Share of the TTL that had passed, where it was told. */
  readonly share: number | null
  readonly retry_in_seconds: number | null
  readonly correlation_id: string | null
}

/** One credential that is kept fresh. */
export interface CredentialReport {
  readonly id: string
  readonly credential_type: string
  readonly name: string
  readonly state: string
  /** Granted TTL; 0: never ends; null: nothing was granted yet. */
  readonly ttl_seconds: number | null
  readonly remaining_seconds: number | null
  readonly next_attempt_in_seconds: number | null
  readonly overdue: boolean
  readonly consecutive_failures: number
  /** ISO 8601. */
  readonly last_success_at: string | null
  /** Largest share of a TTL at which a successful first attempt began. */
  readonly latest_first_attempt_share: number | null
  readonly renewals: number
  readonly replacements: number
  readonly failures: number
  /** The flight recorder's last events, oldest first. */
  readonly events: readonly EventReport[]
}

/** Something that this service needs and does not hold. */
export interface MissingReport {
  readonly credential_type: string
  readonly name: string
  readonly reason: string
  /** Code of the last failure, where there was one. */
  readonly error_code: string | null
}

/** The answer of `/healthz` and `/readyz`. */
export interface HealthReport {
  readonly status: 'alive' | 'stuck' | 'ready' | 'not_ready'
  readonly service: string
  /** Dependencies that are switched off and replaced by static credentials. */
  readonly static_credentials: readonly string[]
  readonly missing: readonly MissingReport[]
}

/** The answer of `/rotations`. */
export interface ServiceReport {
  readonly service: string
  /** ISO 8601. */
  readonly at: string
  readonly spiffe_id: string | null
  /** State of Vault as last seen; null before the first request, and when Vault is off. */
  readonly vault_state: string | null
  readonly static_credentials: readonly string[]
  readonly ready: boolean
  readonly rotations: readonly CredentialReport[]
}

/** The answer of `POST /rotate`. */
export interface RotateReport {
  readonly renewed: readonly { readonly credential_type: string; readonly name: string }[]
  readonly failed: readonly { readonly credential_type: string; readonly name: string; readonly error_code: string }[]
}

/** What the admin server shows. */
export interface AdminSubject {
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>
  liveness(): HealthReport
  readiness(): HealthReport
  report(): ServiceReport
  /** Renews everything now; failures are in the report, not thrown. */
  rotate(): Promise<RotateReport>
}
