/**
 * The answers of the JWT profile.
 * @see SPIFFE_Workload_API.md, section 6.2
 * @module
 */
import type { SpiffeId } from '../id/spiffe-id.js'
import { JwtSvid } from '../svid/jwt-svid.js'
import { badMessage } from './errors.js'
import { distinctHints } from './hints.js'
import type { JWTBundlesResponse, JWTSVID, JWTSVIDResponse, ValidateJWTSVIDResponse } from './proto/workload_pb.js'
import { JwtTrustBundles } from './trust-bundles.js'

/** What was asked for, and is compared with the answer. */
export interface JwtSvidRequest {
  /** One or more; a good JWT-SVID has one. */
  audience: readonly string[]
  /** Default: every identity of this process. */
  subject?: SpiffeId
}

/** @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_MESSAGE`: also when it is not what was asked for */
export function readJwtSvids({ svids }: JWTSVIDResponse, request: JwtSvidRequest): [JwtSvid, ...JwtSvid[]] {
  const [first, ...rest] = distinctHints(
    svids.map((svid, index) => readJwtSvid(svid, index, request)),
    'jwt',
  )
  if (!first) throw badMessage('svids', 'is empty')
  return [first, ...rest]
}

function readJwtSvid(svid: JWTSVID, index: number, { audience, subject }: JwtSvidRequest): JwtSvid {
  const at = (field: string): string => `svids[${index}].${field}`
  if (svid.spiffeId === '') throw badMessage(at('spiffe_id'), 'is empty')
  if (svid.svid === '') throw badMessage(at('svid'), 'is empty')
  const parsed = parseToken(svid.svid, at('svid'), svid.hint)
  if (parsed.id.toString() !== svid.spiffeId) throw badMessage(at('spiffe_id'), 'is not the subject of the token')
  if (subject && !parsed.id.equals(subject)) throw badMessage(at('spiffe_id'), 'is not the identity that was asked for')
  if (!audience.every((each) => parsed.audience.includes(each))) {
    throw badMessage(at('svid'), 'lacks an audience that was asked for')
  }
  return parsed
}

/** @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_MESSAGE` */
export function readJwtBundles({ bundles }: JWTBundlesResponse): JwtTrustBundles {
  if (Object.keys(bundles).length === 0) throw badMessage('bundles', 'is empty')
  return JwtTrustBundles.read({ bundles })
}

/**
 * The agent has judged the token; what it says beyond its subject is read out of the token itself.
 * @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_MESSAGE`
 */
export function readValidatedSvid({ spiffeId, claims }: ValidateJWTSVIDResponse, token: string): JwtSvid {
  if (spiffeId === '') throw badMessage('spiffe_id', 'is empty')
  if (!claims) throw badMessage('claims', 'is empty')
  const svid = parseToken(token, 'svid', '')
  if (svid.id.toString() !== spiffeId) throw badMessage('spiffe_id', 'is not the subject of the token')
  return svid
}

function parseToken(token: string, field: string, hint: string): JwtSvid {
  try {
    return JwtSvid.parseUnverified(token, hint === '' ? {} : { hint })
  } catch (cause) {
    throw badMessage(field, 'is not a JWT-SVID', cause)
  }
}
