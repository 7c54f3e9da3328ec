/**
 * Judging a JWT's claims against a role.
 * @see https://developer.hashicorp.com/vault/docs/auth/jwt#jwt-verification
 * @module
 */
import { badRequest } from '../refusal.js'
import type { JwtRole } from './jwt-role.js'

export type Claims = Readonly<Record<string, unknown>>

const defaultSkewSeconds = 60
/** How long a JWT without `exp` or `nbf` is good for after or before the other. */
const fillInSeconds = 150

/** @throws {Refusal} 400 with Vault's text */
export function judgeClaims(claims: Claims, role: JwtRole, boundIssuer: string, nowMs: number): void {
  const invalid = (what: string): Error => badRequest(`error validating token: ${what}`)
  judgeTimes(claims, role, nowMs / 1000, invalid)
  if (boundIssuer && claims.iss !== boundIssuer) throw invalid('invalid issuer (iss) claim')
  if (role.bound_subject && claims.sub !== role.bound_subject) throw invalid('invalid subject (sub) claim')
  const audiences = texts(claims.aud)
  if (role.bound_audiences.length > 0) {
    if (!audiences.some((audience) => role.bound_audiences.includes(audience))) {
      throw invalid('invalid audience (aud) claim: audience claim does not match any expected audience')
    }
  } else if (audiences.length > 0) {
    throw badRequest('audience claim found in JWT but no audiences bound to the role')
  }
  judgeBoundClaims(claims, role)
}

function judgeTimes(claims: Claims, role: JwtRole, now: number, invalid: (what: string) => Error): void {
  const [iat, nbf, exp] = [claims.iat, claims.nbf, claims.exp].map((value) => (typeof value === 'number' ? value : 0))
  if (!iat && !nbf && !exp) {
    throw invalid('no issued at (iat), not before (nbf), or expiration time (exp) claims in token')
  }
  const skew = leeway(role.clock_skew_leeway, defaultSkewSeconds)
  const ends = exp || Math.max(iat ?? 0, nbf ?? 0) + leeway(role.expiration_leeway, fillInSeconds)
  const begins = nbf || iat || (exp ?? 0) - leeway(role.not_before_leeway, fillInSeconds)
  if (now > ends + skew) throw invalid('invalid expiration time (exp) claim: token is expired')
  if (now + skew < begins) throw invalid('invalid not before (nbf) claim: token not yet valid')
  if (iat && now + skew < iat) throw invalid('invalid issued at (iat) claim: token issued in the future')
}

/** 0 stands for the default, -1 for none. */
const leeway = (seconds: number, preset: number): number => (seconds === 0 ? preset : Math.max(0, seconds))

function judgeBoundClaims(claims: Claims, role: JwtRole): void {
  for (const [name, wanted] of Object.entries(role.bound_claims ?? {})) {
    const value = claims[name]
    if (value === undefined) throw badRequest(`error validating claims: claim "${name}" is missing`)
    const allowed = texts(wanted)
    const fits = (text: string): boolean =>
      allowed.some((entry) => (role.bound_claims_type === 'glob' ? matchesGlob(entry, text) : entry === text))
    if (!texts(value).some(fits)) {
      throw badRequest(`error validating claims: claim "${name}" does not match any associated bound claim values`)
    }
  }
}

function matchesGlob(pattern: string, text: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.*')}$`, 's').test(text)
}

function texts(value: unknown): string[] {
  if (value === undefined || value === null) return []
  return (Array.isArray(value) ? value : [value]).map(String)
}
