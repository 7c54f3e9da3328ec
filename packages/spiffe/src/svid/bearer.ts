/**
 * A JWT-SVID on the wire: the value of `Authorization` in HTTP (JWT-SVID.md, section 5.2) and of `authorization` in
 * gRPC metadata (section 5.3).
 * @module
 */
import { Secret } from '@chaveiro/rotation'
import type { JwtSvid } from './jwt-svid.js'

/** `Bearer <token>`: a secret, to be exposed to the transport alone. */
export function bearerOf({ token }: JwtSvid): Secret {
  return new Secret(`Bearer ${token.expose()}`)
}

/**
 * Takes the token out of one header value. The scheme is compared without regard to case; a value that bears
 * anything more than one token is refused.
 * @returns `undefined` when it is not of the form `Bearer <token>`
 */
export function tokenOfBearer(value: string): string | undefined {
  return /^bearer +([^ ,]+)$/i.exec(value)?.[1]
}
