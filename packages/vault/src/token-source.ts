/**
 * A Vault token as something that is kept fresh: logged in, renewed while that prolongs it, revoked at its end.
 * @module
 */
import type { Attempt, Failure, Grant, RenewAttempt, Renewal, Source } from '@chaveiro/rotation'
import { loginFailed, loginSucceeded } from './channels.js'
import { classifyVaultError } from './classify.js'
import type { VaultClient } from './client.js'
import { PermissionDeniedError, VaultError, vaultError } from './errors.js'
import type { VaultAuth, VaultToken } from './granted-token.js'
import type { Login } from './login.js'

/**
 * Service, periodic and batch tokens alike: what cannot be renewed or comes back short (`explicit_max_ttl`, max TTL)
 * is replaced by a new login, which is the engine's decision.
 */
export class TokenSource implements Source<VaultToken> {
  readonly credentialType = 'token'
  readonly name: string
  readonly server: string
  readonly #client: VaultClient
  readonly #login: Login

  /** @param client - lends its connections; its own token is not used */
  constructor(client: VaultClient, login: Login) {
    this.#client = client.withToken(() => undefined)
    this.#login = login
    this.name = login.method
    this.server = `vault ${client.address}`
  }

  async issue({ signal, correlationId }: Attempt): Promise<Grant<VaultToken>> {
    const { method } = this.#login
    try {
      const auth = await this.#login.login(this.#client, { signal, correlationId })
      if (auth.numUses > 0) await this.#refuseCounted(auth, signal)
      const { ttlSeconds, renewable, policies } = auth
      loginSucceeded.publish({ method, grantedSeconds: ttlSeconds, renewable, policies, correlationId })
      return { value: auth, ttlSeconds, renewable }
    } catch (error) {
      const errorCode = error instanceof VaultError ? error.code : undefined
      loginFailed.publish({ method, errorCode, correlationId })
      throw error
    }
  }

  async renew({ token }: VaultToken, { signal, correlationId, incrementSeconds }: RenewAttempt): Promise<Renewal> {
    const { ttlSeconds, renewable } = await this.#client
      .withToken(() => token)
      .token.renewSelf({ incrementSeconds, signal, correlationId })
    return { ttlSeconds, renewable }
  }

  /** A batch token cannot be revoked; it ends by itself. */
  async revoke({ token, type }: VaultToken, { signal, correlationId }: Attempt): Promise<void> {
    if (type === 'batch') return
    await this.#client.withToken(() => token).token.revokeSelf({ signal, correlationId })
  }

  /** Nothing stands above a token: one that is refused, or may not renew itself, is replaced by a login. */
  classify(error: unknown): Failure {
    return error instanceof PermissionDeniedError ? { kind: 'gone' } : classifyVaultError(error)
  }

  /** Such a token would end in the middle of the work. */
  async #refuseCounted({ token }: VaultAuth, signal: AbortSignal): Promise<never> {
    await this.#client
      .withToken(() => token)
      .token.revokeSelf({ signal })
      .catch(() => {})
    throw vaultError(
      'ERR_VAULT_LOGIN_FAILED',
      'the role gives tokens for a limited number of uses; set token_num_uses=0',
      {
        operation: 'login',
        path: `auth/${this.name}`,
      },
    )
  }
}
