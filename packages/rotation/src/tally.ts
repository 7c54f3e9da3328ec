/**
 * What a rotation has done so far: the counts that metrics and the status page show.
 * @module
 */
import { type Holding, shareAt } from './lifetime.js'
import type { AttemptState } from './state.js'

export interface Tally {
  readonly renewals: number
  readonly replacements: number
  readonly failures: number
  readonly lastSuccessWallMs: number | undefined
  /** Largest share of a TTL at which a first attempt that succeeded began. */
  readonly latestFirstAttemptShare: number | undefined
}

export const freshTally: Tally = Object.freeze({
  renewals: 0,
  replacements: 0,
  failures: 0,
  lastSuccessWallMs: undefined,
  latestFirstAttemptShare: undefined,
})

/** @param before - what was held when the attempt began */
export function countSuccess(
  tally: Tally,
  attempt: AttemptState,
  before: Holding<unknown> | undefined,
  wallMs: number,
): Tally {
  const share = attempt.first && before !== undefined ? shareAt(before.term, attempt.startedMs) : undefined
  return {
    renewals: tally.renewals + (attempt.action === 'renew' ? 1 : 0),
    replacements: tally.replacements + (attempt.action === 'replace' && before !== undefined ? 1 : 0),
    failures: tally.failures,
    lastSuccessWallMs: wallMs,
    latestFirstAttemptShare:
      share === undefined ? tally.latestFirstAttemptShare : Math.max(share, tally.latestFirstAttemptShare ?? 0),
  }
}

export function countFailure(tally: Tally): Tally {
  return { ...tally, failures: tally.failures + 1 }
}
