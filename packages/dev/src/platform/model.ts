/**
 * What can be seen of the sample platform at one moment. Plain data: made by the observer, drawn by the command.
 * @module
 */

/** One credential of one service. */
export interface CredentialView {
  readonly type: string
  readonly name: string
  readonly state: string
  /** Granted TTL in seconds; undefined before the first grant. */
  readonly ttlSeconds: number | undefined
  readonly remainingSeconds: number | undefined
  readonly renewals: number
  readonly replacements: number
  /** Largest share of a TTL at which a successful first attempt began. */
  readonly latestFirstAttemptShare: number | undefined
}

export type ServiceState = 'starting' | 'ready' | 'closing' | 'ended'

/** One process of the platform. */
export interface ServiceView {
  readonly name: string
  readonly spiffeId: string
  readonly state: ServiceState
  readonly credentials: readonly CredentialView[]
}

export interface QueryCounts {
  readonly done: number
  readonly failed: number
}

export interface CallCounts {
  readonly accepted: number
  readonly refusedAsExpected: number
  readonly failed: number
}

/** Something that happened, as a person would tell it. */
export interface Happening {
  readonly atMs: number
  readonly service: string
  readonly text: string
}

export interface PlatformView {
  readonly elapsedMs: number
  readonly services: readonly ServiceView[]
  readonly queries: QueryCounts
  readonly calls: CallCounts
  /** The latest ones, newest last. */
  readonly happenings: readonly Happening[]
  /** How many there were in all, also those no longer kept. */
  readonly happened: number
  /** When the first query was done; undefined before. */
  readonly firstQueryMs: number | undefined
}
