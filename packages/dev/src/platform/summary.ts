/**
 * The demo's verdict, computed from what was observed and from what the servers say is left behind.
 * @module
 */
import type { CallCounts, CredentialView, QueryCounts } from './model.js'

/** Latest share of a TTL at which a first attempt may begin (design, section 3). */
const latestFirstAttempt = 0.8

const credentialTypes = ['token', 'database', 'x509_svid', 'jwt_svid'] as const
type CountByType = Record<(typeof credentialTypes)[number], number>

/** Asked of Vault and PostgreSQL after everything was closed. */
export interface LeftBehind {
  readonly leases: number
  readonly database_users: number
}

/** Null where the server gave no answer. */
export type KnownLeftBehind = { readonly [What in keyof LeftBehind]: number | null }

export interface Observed {
  readonly durationMs: number
  /** From the start of the demo to its first query on a leased credential. */
  readonly firstQueryMs: number | undefined
  readonly servers: readonly { readonly name: string; readonly version: string }[]
  /** The last state of every credential of every service, before it closed. */
  readonly credentials: readonly CredentialView[]
  readonly queries: QueryCounts
  readonly calls: CallCounts
  readonly leftBehind: KnownLeftBehind
  /** Services that ended by themselves, or badly. */
  readonly casualties: readonly string[]
}

/** The object that `chaveiro demo` prints (design, section 4.6). */
export interface DemoSummary {
  readonly duration_s: number
  readonly first_query_s: number | null
  readonly servers: readonly { readonly name: string; readonly version: string }[]
  readonly renewals: CountByType
  readonly replacements: CountByType
  readonly latest_renewal_fraction: number
  readonly queries: { readonly done: number; readonly failed: number }
  readonly calls: { readonly accepted: number; readonly refused_as_expected: number; readonly failed: number }
  readonly left_behind: KnownLeftBehind
  readonly ok: boolean
  /** Why not, in words; empty when ok. */
  readonly problems: readonly string[]
}

/** Judges a run: whoever did nothing has proven nothing, so an idle run is not ok either. */
export function summarize(observed: Observed): DemoSummary {
  const { queries, calls, leftBehind, credentials } = observed
  const latest = Math.max(0, ...credentials.map((credential) => credential.latestFirstAttemptShare ?? 0))
  const problems = [
    ...observed.casualties,
    ...complain(queries.failed > 0, `${queries.failed} queries failed`),
    ...complain(queries.done === 0, 'no query was done'),
    ...complain(calls.failed > 0, `${calls.failed} calls failed, or were admitted that had to be refused`),
    ...complain(calls.accepted === 0, 'no call was accepted'),
    ...complain(calls.refusedAsExpected === 0, 'no call of the intruder was refused'),
    ...complainOfRest(leftBehind.leases, 'leases', 'Vault'),
    ...complainOfRest(leftBehind.database_users, 'users', 'PostgreSQL'),
    ...complain(latest > latestFirstAttempt, `a first attempt began at ${latest.toFixed(3)} of its TTL`),
  ]
  return {
    duration_s: tenths(observed.durationMs),
    first_query_s: observed.firstQueryMs === undefined ? null : tenths(observed.firstQueryMs),
    servers: observed.servers,
    renewals: countByType(credentials, ({ renewals }) => renewals),
    replacements: countByType(credentials, ({ replacements }) => replacements),
    latest_renewal_fraction: Math.round(latest * 1000) / 1000,
    queries: { done: queries.done, failed: queries.failed },
    calls: { accepted: calls.accepted, refused_as_expected: calls.refusedAsExpected, failed: calls.failed },
    left_behind: leftBehind,
    ok: problems.length === 0,
    problems,
  }
}

/** Milliseconds in seconds, to a tenth. */
const tenths = (ms: number): number => Math.round(ms / 100) / 10

const complain = (wrong: boolean, text: string): string[] => (wrong ? [text] : [])

/** A server that cannot be asked has proven nothing. */
function complainOfRest(count: number | null, what: string, server: string): string[] {
  if (count === null) return [`${server} gave no answer when asked what is left in it`]
  return complain(count > 0, `${count} ${what} are left in ${server}`)
}

function countByType(
  credentials: readonly CredentialView[],
  count: (credential: CredentialView) => number,
): CountByType {
  const sum = (type: string): number =>
    credentials
      .filter((credential) => credential.type === type)
      .reduce((total, credential) => total + count(credential), 0)
  return { token: sum('token'), database: sum('database'), x509_svid: sum('x509_svid'), jwt_svid: sum('jwt_svid') }
}
