/**
 * Why a call is refused: the closed set of reasons, the gRPC status of each, and what its caller may be told.
 * @module
 */

import { SvidError, type SvidErrorCode } from '@chaveiro/spiffe'
import { status } from '@grpc/grpc-js'

/** Closed set: a metric label and a field of the event. */
export type RefusalReason =
  | 'token_missing'
  | 'token_repeated'
  | 'scheme_unsupported'
  | 'token_malformed'
  | 'algorithm_refused'
  | 'audience_mismatch'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'subject_invalid'
  | 'trust_domain_unknown'
  | 'key_unknown'
  | 'signature_invalid'
  | 'peer_unverified'
  | 'peer_mismatch'
  | 'not_authorized'
  | 'method_not_named'
  | 'internal_error'

/** What a caller is told; `hidden` reasons share the words of a wrong signature, so keys cannot be probed for. */
const told: Record<RefusalReason, { code: status; words: string; hidden?: true }> = {
  token_missing: {
    code: status.UNAUTHENTICATED,
    words: 'no authorization metadata; send "authorization: Bearer <JWT-SVID>"',
  },
  token_repeated: { code: status.UNAUTHENTICATED, words: 'more than one authorization value' },
  scheme_unsupported: { code: status.UNAUTHENTICATED, words: 'authorization is not of the form "Bearer <JWT-SVID>"' },
  token_malformed: { code: status.UNAUTHENTICATED, words: 'the token is not a well-formed JWT-SVID' },
  // Whether an algorithm fits depends on the key that the token names.
  algorithm_refused: { code: status.UNAUTHENTICATED, words: '', hidden: true },
  audience_mismatch: { code: status.UNAUTHENTICATED, words: 'the token is not meant for this service' },
  token_expired: { code: status.UNAUTHENTICATED, words: 'the token has expired' },
  token_not_yet_valid: { code: status.UNAUTHENTICATED, words: 'the token is not valid yet; compare the clocks' },
  subject_invalid: { code: status.UNAUTHENTICATED, words: 'the subject of the token is not a workload SPIFFE ID' },
  trust_domain_unknown: { code: status.UNAUTHENTICATED, words: '', hidden: true },
  key_unknown: { code: status.UNAUTHENTICATED, words: '', hidden: true },
  signature_invalid: { code: status.UNAUTHENTICATED, words: 'the signature of the token could not be verified' },
  peer_unverified: { code: status.UNAUTHENTICATED, words: 'the connection has no verified X.509-SVID' },
  peer_mismatch: { code: status.UNAUTHENTICATED, words: 'the token and the X.509-SVID name different workloads' },
  not_authorized: { code: status.PERMISSION_DENIED, words: 'the policy does not let this caller call this method' },
  method_not_named: { code: status.PERMISSION_DENIED, words: 'the policy does not let this caller call this method' },
  internal_error: { code: status.INTERNAL, words: 'the caller could not be judged' },
}

/** The gRPC status of a refusal: what goes over the wire. */
export function refusalStatus(reason: RefusalReason): { code: status; details: string } {
  const shown = told[reason].hidden ? 'signature_invalid' : reason
  const label = told[shown].code === status.PERMISSION_DENIED ? 'not_authorized' : shown
  return { code: told[reason].code, details: `refused (${label}): ${told[shown].words}` }
}

/** What verification says, in the words of a caller; what only certificates can break never comes from a token. */
const reasons: Record<SvidErrorCode, RefusalReason> = {
  ERR_SVID_MISSING: 'token_missing',
  ERR_SVID_MALFORMED: 'token_malformed',
  ERR_SVID_BAD_HEADER: 'token_malformed',
  ERR_SVID_BAD_CLAIM: 'token_malformed',
  ERR_SVID_BAD_ID: 'subject_invalid',
  ERR_SVID_ALGORITHM: 'algorithm_refused',
  ERR_SVID_EXPIRED: 'token_expired',
  ERR_SVID_NOT_YET_VALID: 'token_not_yet_valid',
  ERR_SVID_AUDIENCE: 'audience_mismatch',
  ERR_SVID_UNKNOWN_TRUST_DOMAIN: 'trust_domain_unknown',
  ERR_SVID_UNKNOWN_AUTHORITY: 'key_unknown',
  ERR_SVID_BAD_SIGNATURE: 'signature_invalid',
  ERR_SVID_NOT_AUTHORIZED: 'not_authorized',
  ERR_SVID_NO_EXPECTED_AUDIENCE: 'internal_error',
  ERR_SVID_IS_AUTHORITY: 'internal_error',
  ERR_SVID_KEY_USAGE: 'internal_error',
  ERR_SVID_KEY_MISMATCH: 'internal_error',
  ERR_SVID_BAD_CHAIN: 'internal_error',
}

/** A call that is not admitted, on its way to {@link refusalStatus}. */
export class Refusal extends Error {
  /** Set only when the token was found valid. */
  readonly subject?: string

  constructor(
    readonly reason: RefusalReason,
    options: { subject?: string; cause?: unknown } = {},
  ) {
    super(reason, { cause: options.cause })
    if (options.subject !== undefined) this.subject = options.subject
  }
}

/** Reads what verification threw. What nobody foresaw refuses the call too. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const reason = error instanceof SvidError ? reasons[error.code] : 'internal_error'
  return new Refusal(reason, { cause: error })
}
