/**
 * The JWT auth method: a login with a JWT-SVID, from wherever it comes.
 * @see https://developer.hashicorp.com/vault/api-docs/auth/jwt#jwt-login
 * @module
 */
import type { Secret } from '@chaveiro/rotation'
import { authOf } from '../granted-token.js'
import type { Login } from '../login.js'

export interface JwtLoginOptions {
  /** Where the auth method is mounted, below `auth/`. Default `jwt`. */
  readonly mount?: string
  readonly role: string
  /** A fresh JWT for Vault's audience; asked for at each login. */
  readonly jwt: (signal: AbortSignal) => Promise<Secret>
}

export function jwtLogin({ mount = 'jwt', role, jwt }: JwtLoginOptions): Login {
  const where = { operation: 'login', path: `auth/${mount}/login` }
  return {
    method: 'jwt',
    async login(client, { signal = new AbortController().signal, correlationId }) {
      const token = await jwt(signal)
      const response = await client.request({
        ...where,
        method: 'POST',
        body: { role, jwt: token.expose() },
        anonymous: true,
        makesCredential: true,
        signal,
        correlationId,
      })
      return authOf(response, where)
    },
  }
}
