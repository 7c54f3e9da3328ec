/**
 * What this package tells about itself, on `node:diagnostics_channel`. A type is the list of what may be logged:
 * a token or a key has no field to be in. SPIFFE IDs are for logs, never for metric labels.
 * @module
 */
import { channel } from 'node:diagnostics_channel'
import type { WorkloadApiErrorCode } from './workload-api/errors.js'

export type SvidType = 'x509' | 'jwt'

/** An answer to a request for SVIDs, or its failure: what the counters count. */
export const svidFetch = channel('chaveiro:spiffe:svid-fetch')
export interface SvidFetch {
  readonly svidType: SvidType
  readonly status: 'success' | 'error'
  /** From request to answer; absent for what the agent pushed on an open stream. */
  readonly durationSeconds?: number | undefined
}

/** SVIDs could not be fetched. */
export const svidFetchFailed = channel('chaveiro:spiffe:svid-fetch-failed')
export interface SvidFetchFailed extends Trouble {
  readonly svidType: SvidType
}

/** Another SVID is in use. An update that brought nothing new is not told. */
export const svidUpdated = channel('chaveiro:spiffe:svid-updated')
export interface SvidUpdated {
  readonly svidType: SvidType
  readonly spiffeId: string
  /** Wall-clock milliseconds. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** At what share of the previous SVID's life this one came; absent for the first. */
  readonly share?: number | undefined
}

/** SVIDs were dropped: the agent says that this process has no identity any more, or their key was withdrawn. */
export const svidRedacted = channel('chaveiro:spiffe:svid-redacted')
export interface SvidRedacted {
  readonly svidType: SvidType
  readonly spiffeId: string
  readonly reason: 'no_identity' | 'key_withdrawn'
}

/** The trust bundles changed. */
export const trustBundleUpdated = channel('chaveiro:spiffe:trust-bundle-updated')
export interface TrustBundleUpdated {
  readonly bundleType: SvidType
  /** Names of all trust domains that there are bundles of now. */
  readonly trustDomains: readonly string[]
  readonly atWallMs: number
}

/** Trust bundles could not be fetched, or a message with them was discarded. */
export const trustBundleUpdateFailed = channel('chaveiro:spiffe:trust-bundle-update-failed')
export interface TrustBundleUpdateFailed extends Trouble {
  readonly bundleType: SvidType
}

/** The agent does not offer a profile; it is not asked again. */
export const profileUnavailable = channel('chaveiro:spiffe:profile-unavailable')
export interface ProfileUnavailable {
  readonly profile: SvidType
  readonly reason: string
}

/** Several SVIDs of one answer bear the same hint; the first is used. */
export const hintDuplicated = channel('chaveiro:spiffe:hint-duplicated')
export interface HintDuplicated {
  readonly svidType: SvidType
  readonly hint: string
  /** IDs of the SVIDs that were left out. */
  readonly leftOut: readonly string[]
}

/** Several identities, and no picker to choose one: the first is used, and the next time another may be first. */
export const identityAmbiguous = channel('chaveiro:spiffe:identity-ambiguous')
export interface IdentityAmbiguous {
  readonly svidType: SvidType
  readonly chosen: string
  readonly spiffeIds: readonly string[]
}

/** An SVID was accepted that is not quite as it should be; told once for each trust domain. */
export const svidIrregular = channel('chaveiro:spiffe:svid-irregular')
export interface SvidIrregular {
  readonly svidType: SvidType
  /** The first that was seen. */
  readonly spiffeId: string
  readonly irregularity: 'key_usage_not_critical'
}

/** What all failures tell. */
interface Trouble {
  readonly code: WorkloadApiErrorCode
  readonly reason: string
  readonly cure: string
  /** The field of a discarded message. */
  readonly field?: string | undefined
  /** When it is tried again; absent when it is not, or when the stream is still open. */
  readonly retryInSeconds?: number | undefined
}
