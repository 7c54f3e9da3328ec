/**
 * A source whose values live under a token: it waits for the token, and asks for another when it is refused.
 * @module
 */
import type { Attempt, Failure, Grant, RenewAttempt, Renewal, Source } from '@chaveiro/rotation'
import { classifyVaultError } from './classify.js'

/** The token, as a lease depends on it. */
export interface TokenAbove {
  /** Resolves once there is one. */
  ready(signal: AbortSignal): Promise<void>
  /** Vault revokes what hangs on a token when it ends. */
  ended(): boolean
  reauthorize(attempt: Attempt): Promise<void>
}

export class LeasedSource<T> implements Source<T> {
  readonly credentialType: string
  readonly name: string
  readonly server?: string
  readonly renew?: (value: T, attempt: RenewAttempt) => Promise<Renewal>
  readonly revoke?: (value: T, attempt: Attempt) => Promise<void>
  readonly #source: Source<T>
  readonly #token: TokenAbove

  constructor(source: Source<T>, token: TokenAbove) {
    this.#source = source
    this.#token = token
    this.credentialType = source.credentialType
    this.name = source.name
    if (source.server !== undefined) this.server = source.server
    if (source.renew) this.renew = source.renew.bind(source)
    const revoke = source.revoke?.bind(source)
    if (revoke) {
      this.revoke = async (value, attempt) => {
        if (!token.ended()) await revoke(value, attempt)
      }
    }
  }

  async issue(attempt: Attempt): Promise<Grant<T>> {
    await this.#token.ready(attempt.signal)
    return this.#source.issue(attempt)
  }

  classify(error: unknown): Failure {
    return this.#source.classify?.(error) ?? classifyVaultError(error)
  }

  async reauthorize(attempt: Attempt): Promise<void> {
    await this.#source.reauthorize?.(attempt)
    await this.#token.reauthorize(attempt)
  }
}
