/**
 * One service's metrics, minute by minute, as a rehearsal for alerts: a healthy day, into which faults are put.
 * @module
 */

/** The value of a series at a minute; undefined: it was not there to be scraped. */
export type Course = (minute: number) => number | undefined

export interface InputSeries {
  readonly series: string
  readonly values: string
}

const target = { namespace: 'neural-hive-orchestration', job: 'orchestrator-dynamic', instance: '10.0.0.7:9464' }

/** What falls from a life to a new one every so many minutes. */
const sawtooth =
  (lifeSeconds: number, everyMinutes: number): Course =>
  (minute) =>
    lifeSeconds - 60 * (minute % everyMinutes)

/** A counter that grows by one every so many minutes. */
const every =
  (minutes: number): Course =>
  (minute) =>
    Math.floor(minute / minutes)

export const always =
  (value: number): Course =>
  () =>
    value

/** A time in which something is wrong: `[from, to)`, in minutes. */
export interface Span {
  readonly from: number
  readonly to: number
  /** How much more often things happen than in a long fault: retries come thick and fast at first. */
  readonly burst: number
}

export const within = ({ from, to }: Span, minute: number): boolean => minute >= from && minute < to

/** Minutes of a span that have passed. */
export const passed = ({ from, to }: Span, minute: number): number => Math.min(Math.max(minute - from, 0), to - from)

export class Day {
  readonly #courses = new Map<string, Course>()

  set(name: string, labels: Readonly<Record<string, string>>, course: Course): void {
    this.#courses.set(selector(name, labels), course)
  }

  /** Changes what is there already. */
  change(
    name: string,
    labels: Readonly<Record<string, string>>,
    change: (minute: number, usual: number, course: Course) => number | undefined,
  ): void {
    const key = selector(name, labels)
    const usual = this.#courses.get(key)
    if (usual === undefined) throw new Error(`a healthy day has no ${key}`)
    this.#courses.set(key, (minute) => {
      const value = usual(minute)
      return value === undefined ? undefined : change(minute, value, usual)
    })
  }

  /** Changes every series. */
  changeAll(change: (course: Course, isCounter: boolean) => Course): void {
    for (const [key, course] of this.#courses) {
      this.#courses.set(key, change(course, /_(total|bucket|count|sum)\{/.test(key)))
    }
  }

  /** As promtool reads it. A gap is a target that could not be scraped: its series are marked stale. */
  render(minutes: number): readonly InputSeries[] {
    return [...this.#courses].map(([series, course]) => {
      const values: string[] = []
      for (let minute = 0; minute < minutes; minute += 1) {
        const value = course(minute)
        const before = minute === 0 ? undefined : course(minute - 1)
        values.push(value === undefined ? (before === undefined ? '_' : 'stale') : String(value))
      }
      return { series, values: values.join(' ') }
    })
  }
}

function selector(name: string, labels: Readonly<Record<string, string>>): string {
  const all = Object.entries({ ...target, ...labels }).map(([label, value]) => `${label}="${value}"`)
  return `${name}{${all.join(',')}}`
}

const tokenLife = sawtooth(3600, 42)
const databaseLife = sawtooth(1200, 14)
const x509Life = sawtooth(3600, 30)
const jwtLife = sawtooth(300, 3)
const shortest =
  (...courses: readonly Course[]): Course =>
  (minute) =>
    Math.min(...courses.map((course) => course(minute) ?? Number.POSITIVE_INFINITY))

/** A token for an hour, a database user for 20 minutes, SVIDs for an hour and for five minutes. */
export function healthyDay(): Day {
  const day = new Day()
  setVault(day)
  setSpiffe(day)
  for (const credential_type of ['token', 'database', 'x509_svid', 'jwt_svid']) {
    day.set('chaveiro_rotation_overdue', { credential_type }, always(0))
  }
  day.set('chaveiro_runway_seconds', { dependency: 'vault' }, shortest(tokenLife, databaseLife))
  day.set('chaveiro_runway_seconds', { dependency: 'database' }, databaseLife)
  day.set('chaveiro_runway_seconds', { dependency: 'spire' }, shortest(x509Life, jwtLife))
  for (const dependency of ['vault', 'spire']) {
    day.set('chaveiro_static_credentials_in_use', { dependency }, always(0))
  }
  return day
}

function setVault(day: Day): void {
  day.set('vault_token_ttl_seconds', {}, tokenLife)
  day.set('vault_token_lifetime_seconds', {}, always(3600))
  day.set('vault_token_renewals_total', { status: 'success' }, every(42))
  day.set('vault_token_renewals_total', { status: 'error' }, always(0))
  const database = { credential_type: 'database' }
  day.set('vault_credential_ttl_seconds', database, databaseLife)
  day.set('vault_credential_lifetime_seconds', database, always(1200))
  day.set('vault_credential_renewals_total', { ...database, status: 'success' }, every(14))
  day.set('vault_credential_renewals_total', { ...database, status: 'error' }, always(0))
  day.set('vault_requests_total', { operation: 'token_renew', status: 'success' }, every(42))
  day.set('vault_requests_total', { operation: 'lease_renew', status: 'success' }, every(14))
  day.set('vault_requests_total', { operation: 'kv_read', status: 'success' }, every(1))
  day.set('vault_requests_total', { operation: 'kv_read', status: 'not_found' }, every(4))
  day.set('vault_requests_total', { operation: 'kv_read', status: 'sealed' }, always(0))
  for (const le of ['0.05', '1', '2.5', '+Inf']) {
    day.set('vault_request_duration_seconds_bucket', { operation: 'kv_read', le }, every(1))
  }
  day.set('vault_request_duration_seconds_count', { operation: 'kv_read' }, every(1))
  for (const state of ['active', 'standby', 'sealed', 'uninitialized', 'unreachable']) {
    day.set('chaveiro_vault_up', { state }, always(state === 'active' ? 1 : 0))
  }
}

function setSpiffe(day: Day): void {
  day.set('spiffe_svid_ttl_seconds', { svid_type: 'x509' }, x509Life)
  day.set('spiffe_svid_ttl_seconds', { svid_type: 'jwt' }, jwtLife)
  day.set('spiffe_svid_lifetime_seconds', { svid_type: 'x509' }, always(3600))
  day.set('spiffe_svid_lifetime_seconds', { svid_type: 'jwt' }, always(300))
  day.set('spiffe_svid_fetch_total', { svid_type: 'x509', status: 'success' }, every(30))
  day.set('spiffe_svid_fetch_total', { svid_type: 'jwt', status: 'success' }, every(3))
  day.set('spiffe_svid_fetch_total', { svid_type: 'x509', status: 'error' }, always(0))
  day.set('spiffe_svid_fetch_total', { svid_type: 'jwt', status: 'error' }, always(0))
  // Twelve hours old, then new: its authorities change twice a day.
  const halfDay = every(720)
  day.set('spiffe_trust_bundle_last_update_timestamp_seconds', {}, (minute) => (halfDay(minute) ?? 0) * 43_200)
  day.set('spiffe_trust_bundle_updates_total', { status: 'success' }, halfDay)
  day.set('spiffe_trust_bundle_updates_total', { status: 'error' }, always(0))
  const service = 'orchestrator-dynamic'
  day.set('grpc_jwt_auth_attempts_total', { service, status: 'success' }, (minute) => 12 * minute)
  day.set('grpc_jwt_auth_attempts_total', { service, status: 'failure' }, every(60))
  day.set('grpc_jwt_auth_attempts_total', { service, status: 'fallback' }, always(0))
}
