/**
 * Is this token a valid JWT-SVID for us (JWT-SVID.md, section 4)? The rules are ours; only the signature itself is
 * left to `jose`.
 * @module
 */
import { compactVerify } from 'jose'
import type { JwtAuthority } from '../bundle/jwk.js'
import { isTooShort, type JwsAlgorithm } from '../bundle/jws-algorithm.js'
import type { JwtBundle, JwtBundleSource } from '../bundle/jwt-bundle.js'
import { JwtSvid } from './jwt-svid.js'
import { refusal } from './refusal.js'

export interface VerifyJwtSvidOptions {
  /** What we answer to: the token must be meant for at least one of these. Compared exactly; never empty. */
  audience: string | readonly string[]
  /** The time to judge by, in ms since the epoch. */
  atMs: number
  /** How far clocks may differ, in seconds, 0 to 60. Default 60. It holds for `exp`, `nbf` and `iat` alike. */
  leewaySeconds?: number | undefined
  /** What to do with a token without `kid`: refuse it (default), or try the keys of its trust domain (at most 16). */
  withoutKeyId?: 'refuse' | 'try-all-keys' | undefined
  /** Accept an `iat` in the future? Default false. */
  allowFutureIssuedAt?: boolean | undefined
  /** Accept a bare trust domain as subject? Default false: it names the signing authority, not a workload. */
  allowTrustDomainSubject?: boolean | undefined
}

const widestLeewaySeconds = 60
const mostKeysTried = 16

/**
 * Verifies a token against the bundle of its subject's own trust domain, and of no other.
 * @throws {SvidError} with the reason as `code` and the broken rule; it never holds the token
 * @throws {RangeError} when `atMs` is not finite or `leewaySeconds` is outside 0 to 60
 */
export async function verifyJwtSvid(
  token: string,
  bundles: JwtBundleSource,
  options: VerifyJwtSvidOptions,
): Promise<JwtSvid> {
  const expected = expectedAudiences(options.audience)
  const window = timeWindow(options)
  const svid = JwtSvid.parseUnverified(token, { keyIdRequired: options.withoutKeyId !== 'try-all-keys' })
  checkSubject(svid, options)
  checkAudience(svid, expected)
  checkTimes(svid, window, options)
  await checkSignature(token, svid, bundleOf(svid, bundles))
  return svid
}

function expectedAudiences(audience: string | readonly string[]): readonly string[] {
  const expected: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  const named = expected.filter((value): value is string => typeof value === 'string' && value !== '')
  if (named.length > 0 && named.length === expected.length) return named
  throw refusal('ERR_SVID_NO_EXPECTED_AUDIENCE', 'JWT-3.2-b', 'no audience to expect was given')
}

/** The latest `exp` that is past, and the earliest `nbf` and `iat` that are future. */
function timeWindow({ atMs, leewaySeconds = widestLeewaySeconds }: VerifyJwtSvidOptions) {
  if (!Number.isFinite(atMs)) throw new RangeError(`atMs must be a finite number, got ${atMs}`)
  if (!(leewaySeconds >= 0 && leewaySeconds <= widestLeewaySeconds)) {
    throw new RangeError(`leewaySeconds must be 0 to ${widestLeewaySeconds}, got ${leewaySeconds}`)
  }
  return { pastMs: atMs - leewaySeconds * 1000, futureMs: atMs + leewaySeconds * 1000 }
}

function checkSubject({ id }: JwtSvid, { allowTrustDomainSubject = false }: VerifyJwtSvidOptions): void {
  if (id.path !== '' || allowTrustDomainSubject) return
  throw refusal('ERR_SVID_BAD_ID', 'JWT-3.1-a', `the subject ${id} names a trust domain, not a workload`)
}

function checkAudience({ audience }: JwtSvid, expected: readonly string[]): void {
  if (audience.some((value) => expected.includes(value))) return
  throw refusal('ERR_SVID_AUDIENCE', 'JWT-3.2-a', 'the token is not meant for any audience that is expected here')
}

function checkTimes(
  { expiresAtMs, notBeforeMs, issuedAtMs }: JwtSvid,
  { pastMs, futureMs }: ReturnType<typeof timeWindow>,
  { allowFutureIssuedAt = false }: VerifyJwtSvidOptions,
): void {
  // RFC 7519, section 4.1.4: the token must not be accepted on or after "exp".
  if (expiresAtMs <= pastMs) throw refusal('ERR_SVID_EXPIRED', 'JWT-3.3-a', 'the token is past its end ("exp")')
  if (notBeforeMs !== undefined && notBeforeMs > futureMs) {
    throw refusal('ERR_SVID_NOT_YET_VALID', 'JWT-3.3-a', 'the token is not valid yet ("nbf")')
  }
  if (issuedAtMs !== undefined && issuedAtMs > futureMs && !allowFutureIssuedAt) {
    throw refusal('ERR_SVID_NOT_YET_VALID', 'JWT-3.3-a', 'the token was issued in the future ("iat")')
  }
}

function bundleOf({ id: { trustDomain } }: JwtSvid, bundles: JwtBundleSource): JwtBundle {
  const bundle = bundles.jwtBundleFor(trustDomain)
  if (bundle?.trustDomain.equals(trustDomain)) return bundle
  const what = `no JWT bundle is known for the trust domain ${trustDomain}`
  throw refusal('ERR_SVID_UNKNOWN_TRUST_DOMAIN', 'JWT-4-a', what)
}

async function checkSignature(token: string, { keyId, algorithm }: JwtSvid, bundle: JwtBundle): Promise<void> {
  if (keyId !== undefined) {
    const authority = bundle.key(keyId)
    if (!authority) {
      throw refusal('ERR_SVID_UNKNOWN_AUTHORITY', 'JWT-4-a', 'the trust domain has no key with the id of the token')
    }
    checkFits(authority, algorithm)
    if (await verifies(token, authority)) return
  } else {
    const candidates = bundle.authorities.filter((authority) => fits(authority, algorithm)).slice(0, mostKeysTried)
    if (candidates.length === 0) {
      throw refusal(
        'ERR_SVID_UNKNOWN_AUTHORITY',
        'JWT-4-a',
        'the trust domain has no key for the algorithm of the token',
      )
    }
    for (const authority of candidates) if (await verifies(token, authority)) return
  }
  throw refusal('ERR_SVID_BAD_SIGNATURE', 'JWT-4-a', 'the signature of the token does not verify')
}

function fits({ algorithms, publicKey }: JwtAuthority, algorithm: JwsAlgorithm): boolean {
  return algorithms.includes(algorithm) && !isTooShort(publicKey)
}

function checkFits(authority: JwtAuthority, algorithm: JwsAlgorithm): void {
  if (fits(authority, algorithm)) return
  const what = isTooShort(authority.publicKey) ? 'is shorter than 2048 bits' : 'does not fit the algorithm of the token'
  throw refusal('ERR_SVID_ALGORITHM', 'JWT-2.1-a', `the key that the token names ${what}`)
}

async function verifies(token: string, { publicKey, algorithms }: JwtAuthority): Promise<boolean> {
  try {
    await compactVerify(token, publicKey, { algorithms: [...algorithms] })
    return true
  } catch {
    return false
  }
}
