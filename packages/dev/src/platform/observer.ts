/**
 * Keeps what the services tell: their log lines, their reports of work done, their rotations.
 * @module
 */
import { type Clock, systemClock } from '@chaveiro/rotation'
import type { CallCounts, CredentialView, Happening, PlatformView, QueryCounts, ServiceState } from './model.js'
import type { ServiceLine } from './service-process.js'

/** One credential as `/rotations` and `sample_closed` show it. */
export interface RotationReport {
  readonly credential_type: string
  readonly name: string
  readonly state: string
  readonly ttl_seconds: number | null
  readonly remaining_seconds: number | null
  readonly renewals: number
  readonly replacements: number
  readonly latest_first_attempt_share: number | null
}

interface ServiceRecord {
  readonly name: string
  readonly spiffeId: string
  state: ServiceState
  admin?: string
  credentials: readonly CredentialView[]
  queries: QueryCounts
  calls: CallCounts
}

const noQueries: QueryCounts = { done: 0, failed: 0 }
const noCalls: CallCounts = { accepted: 0, refusedAsExpected: 0, failed: 0 }
const keptHappenings = 200

/** Log events that a person wants to see go by, and how they are told. */
const tellings: Readonly<Record<string, (line: ServiceLine) => string>> = {
  vault_login_succeeded: () => 'logged in to Vault with its JWT-SVID',
  vault_token_renewed: () => 'token renewed',
  vault_token_renewal_failed: () => 'token renewal failed',
  credential_renewed: (line) => `${line.credential_type} credential renewed`,
  credential_replaced: (line) => `${line.credential_type} credential replaced`,
  credential_revoked: (line) => `${line.credential_type} credential revoked`,
  credential_renewal_failed: (line) => `${line.credential_type} renewal failed`,
  svid_updated: (line) => `new ${line.svid_type === 'jwt' ? 'JWT' : 'X.509'}-SVID`,
  svid_fetch_failed: () => 'SVID could not be fetched',
  sample_refused: (line) => `refused: ${line.attempt} (${line.status})`,
  shutdown_complete: () => 'closed: leases and token revoked',
}

/** Collects; {@link Observer.view} is the moment's picture. */
export class Observer {
  readonly #clock: Clock
  readonly #startMs: number
  readonly #services = new Map<string, ServiceRecord>()
  readonly #happenings: Happening[] = []
  #happened = 0
  #firstQueryMs: number | undefined

  /** @param startMs - monotonic milliseconds from which times are told. Default: now */
  constructor(clock: Clock = systemClock, startMs = clock.monotonicMs()) {
    this.#clock = clock
    this.#startMs = startMs
  }

  /** Announces a service that is about to start. */
  expect(name: string, spiffeId: string): void {
    this.#services.set(name, { name, spiffeId, state: 'starting', credentials: [], queries: noQueries, calls: noCalls })
  }

  /** Takes in one line of a service. */
  line(name: string, line: ServiceLine): void {
    const service = this.#service(name)
    const telling = tellings[line.event]
    if (telling) this.#tell(name, telling(line))
    if (line.event === 'sample_ready') {
      service.state = 'ready'
      service.admin = typeof line.admin === 'string' ? line.admin : undefined
    } else if (line.event === 'sample_work') {
      service.queries = (line.queries as QueryCounts | undefined) ?? service.queries
      if (service.queries.done > 0) this.#firstQuery(name)
      service.calls = (line.calls as CallCounts | undefined) ?? service.calls
    } else if (line.event === 'sample_closed') {
      service.state = 'ended'
      this.rotations(name, (line.rotations as RotationReport[] | undefined) ?? [])
    }
  }

  /** Takes in what a service holds. */
  rotations(name: string, reports: readonly RotationReport[]): void {
    this.#service(name).credentials = reports.map((report) => ({
      type: report.credential_type,
      name: report.name,
      state: report.state,
      ttlSeconds: report.ttl_seconds ?? undefined,
      remainingSeconds: report.remaining_seconds ?? undefined,
      renewals: report.renewals,
      replacements: report.replacements,
      latestFirstAttemptShare: report.latest_first_attempt_share ?? undefined,
    }))
  }

  /** Admin addresses of the services that are up. */
  admins(): { name: string; address: string }[] {
    return [...this.#services.values()].flatMap(({ name, state, admin }) =>
      admin && state === 'ready' ? [{ name, address: admin }] : [],
    )
  }

  view(): PlatformView {
    const services = [...this.#services.values()]
    return {
      elapsedMs: this.#clock.monotonicMs() - this.#startMs,
      services: services.map(({ name, spiffeId, state, credentials }) => ({ name, spiffeId, state, credentials })),
      queries: services.reduce((sum, { queries }) => add(sum, queries), noQueries),
      calls: services.reduce((sum, { calls }) => add(sum, calls), noCalls),
      happenings: [...this.#happenings],
      happened: this.#happened,
      firstQueryMs: this.#firstQueryMs,
    }
  }

  #firstQuery(name: string): void {
    if (this.#firstQueryMs !== undefined) return
    this.#firstQueryMs = this.#clock.monotonicMs() - this.#startMs
    this.#tell(name, 'first query with a leased credential')
  }

  #tell(service: string, text: string): void {
    this.#happened += 1
    this.#happenings.push({ atMs: this.#clock.monotonicMs() - this.#startMs, service, text })
    if (this.#happenings.length > keptHappenings) this.#happenings.shift()
  }

  #service(name: string): ServiceRecord {
    const service = this.#services.get(name)
    if (!service) throw new RangeError(`no service named ${name} is expected`)
    return service
  }
}

function add<C extends object>(a: C, b: C): C {
  const entries = Object.entries(a).map(([key, value]) => [key, value + ((b as Record<string, number>)[key] ?? 0)])
  return Object.fromEntries(entries) as C
}
