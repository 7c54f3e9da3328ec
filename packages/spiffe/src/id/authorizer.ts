/**
 * Who may: decisions on a SPIFFE ID that has already been proven by an SVID.
 * @module
 */

import { SpiffeId } from './spiffe-id.js'
import { checkPath, readable } from './syntax.js'
import { TrustDomain } from './trust-domain.js'

/** Says whether the holder of a proven identity may go on. It sees the trust domain (BND-6.2-a). */
export type Authorizer = (id: SpiffeId) => boolean

/**
 * Exactly these IDs.
 * @throws {SpiffeIdError} when one given as text is malformed
 */
export function authorizeId(...ids: readonly (SpiffeId | string)[]): Authorizer {
  const allowed = new Set(ids.map((id) => (typeof id === 'string' ? SpiffeId.parse(id) : id).toString()))
  return (id) => allowed.has(id.toString())
}

/**
 * Every ID of one trust domain.
 * @throws {SpiffeIdError} when it is given as text and malformed
 */
export function authorizeTrustDomain(trustDomain: TrustDomain | string): Authorizer {
  const allowed = typeof trustDomain === 'string' ? TrustDomain.parse(trustDomain) : trustDomain
  return (id) => id.memberOf(allowed)
}

/**
 * A path and everything below it, by whole segments: `/ns/app` admits `/ns/app` and `/ns/app/sa/x`, never
 * `/ns/app-admin`.
 * @param path - `/` and segments, without a `/` at the end
 * @throws {SpiffeIdError} when the trust domain or the path is malformed
 */
export function authorizePrefix(trustDomain: TrustDomain | string, path: string): Authorizer {
  checkPath(readable(path))
  const inTrustDomain = authorizeTrustDomain(trustDomain)
  return (id) => inTrustDomain(id) && (id.path === path || id.path.startsWith(`${path}/`))
}

/** Admitted when at least one agrees; with none, nobody is. */
export function anyOf(...authorizers: readonly Authorizer[]): Authorizer {
  return (id) => authorizers.some((authorize) => authorize(id))
}

/** Admitted when all agree; with none, nobody is: an empty list is a slip, not a permission. */
export function allOf(...authorizers: readonly Authorizer[]): Authorizer {
  return (id) => authorizers.length > 0 && authorizers.every((authorize) => authorize(id))
}
