/**
 * The claims of a JWT-SVID (JWT-SVID.md, section 3), read into values that cannot be wrong.
 * @module
 */
import type { JsonObject } from '../bundle/strict-json.js'
import { SpiffeIdError } from '../errors.js'
import { SpiffeId } from '../id/spiffe-id.js'
import { refusal } from './refusal.js'

interface JwtClaims {
  readonly subject: SpiffeId
  readonly audience: readonly string[]
  readonly expiresAtMs: number
  readonly issuedAtMs: number | undefined
  readonly notBeforeMs: number | undefined
  readonly all: JsonObject
}

/** @throws {SvidError} when a claim that decides is missing or malformed; others pass untouched (JWT-3-a) */
export function readJwtClaims(all: JsonObject): JwtClaims {
  const expiresAtMs = readTime(all, 'exp')
  if (expiresAtMs === undefined) throw refusal('ERR_SVID_BAD_CLAIM', 'JWT-3.3-a', 'the token has no claim "exp"')
  return {
    subject: readSubject(all),
    audience: readAudience(all),
    expiresAtMs,
    issuedAtMs: readTime(all, 'iat'),
    notBeforeMs: readTime(all, 'nbf'),
    all,
  }
}

function readSubject(claims: JsonObject): SpiffeId {
  const sub = own(claims, 'sub')
  if (typeof sub !== 'string') throw refusal('ERR_SVID_BAD_ID', 'JWT-3.1-a', 'the token has no text as claim "sub"')
  try {
    return SpiffeId.parse(sub)
  } catch (cause) {
    const rule = cause instanceof SpiffeIdError ? cause.rule : 'ID-2-a'
    throw refusal('ERR_SVID_BAD_ID', 'JWT-3.1-a', `the claim "sub" is no SPIFFE ID, see ${rule}`, cause)
  }
}

function readAudience(claims: JsonObject): readonly string[] {
  const aud = own(claims, 'aud')
  const values: readonly unknown[] = Array.isArray(aud) ? aud : aud === undefined ? [] : [aud]
  const texts = values.filter((value) => typeof value === 'string')
  if (values.length === 0) throw refusal('ERR_SVID_BAD_CLAIM', 'JWT-3.2-a', 'the token has no claim "aud"')
  if (texts.length === values.length) return texts
  throw refusal('ERR_SVID_BAD_CLAIM', 'JWT-3.2-a', 'the claim "aud" is neither a text nor a list of texts')
}

/** A NumericDate (RFC 7519, section 2), fractions allowed, in ms. */
function readTime(claims: JsonObject, name: string): number | undefined {
  const value = own(claims, name)
  if (value === undefined) return undefined
  const ms = typeof value === 'number' ? value * 1000 : Number.NaN
  // A Date reaches 8.64e15 ms; beyond it nothing is a time.
  if (Math.abs(ms) <= 8.64e15) return ms
  throw refusal('ERR_SVID_BAD_CLAIM', 'JWT-3.3-a', `the claim "${name}" is no time in seconds`)
}

function own(claims: JsonObject, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}
