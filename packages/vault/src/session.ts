/**
 * One service's standing with Vault: a token that stays alive, and the leases that hang on it.
 *
 * When to log in, renew and replace is the rotation engine's decision. What is added here is that leases die with
 * the token they were made with: they are issued anew under the next token before the last one is revoked.
 * @module
 */
import { setMaxListeners } from 'node:events'
import type { CloseOptions, Consumer, Handover, RenewalPolicy, Rotation, Rotator, Source } from '@chaveiro/rotation'
import { abortable } from './abortable.js'
import type { VaultClient } from './client.js'
import type { DatabaseCredential } from './database.js'
import { VaultError, vaultError } from './errors.js'
import type { VaultToken } from './granted-token.js'
import type { KvV2 } from './kv.js'
import { LeasedSource } from './leased-source.js'
import type { Login } from './login.js'
import { TokenSource } from './token-source.js'

export interface VaultSessionOptions {
  /** Lends its connections, and is left open. */
  readonly client: VaultClient
  readonly login: Login
  /** Keeps token and leases fresh, and is left open. */
  readonly rotator: Rotator
  /** For the token. Default: that of the rotator. */
  readonly tokenPolicy?: Partial<RenewalPolicy>
}

export interface LeaseOptions<T> {
  readonly consumer?: Consumer<T>
  readonly policy?: Partial<RenewalPolicy>
}

const leastForgetAt = 16

export class VaultSession implements AsyncDisposable {
  /** Bears the session's token, whichever that is. A read that finds it revoked logs in and reads again. */
  readonly client: VaultClient
  readonly token: Rotation<VaultToken>
  readonly #bare: VaultClient
  readonly #rotator: Rotator
  readonly #leases = new Set<Rotation<unknown>>()
  #forgetAt = leastForgetAt
  #check: Promise<void> | undefined
  #closed: Promise<void> | undefined

  /** Begins to log in at once; {@link VaultSession.ready} tells when that is done. */
  static open(options: VaultSessionOptions): VaultSession {
    return new VaultSession(options)
  }

  private constructor({ client, login, rotator, tokenPolicy }: VaultSessionOptions) {
    const token = () => this.token.current().token
    this.#rotator = rotator
    this.#bare = client.withToken(token)
    this.client = client.withToken(token, { onTokenInvalid: (signal) => this.#reauthorize(signal) })
    this.token = rotator.rotate(new TokenSource(client, login), {
      consumer: { adopt: (_next, handover) => this.#adopt(handover) },
      ...(tokenPolicy && { policy: tokenPolicy }),
    })
  }

  /** Resolves once there is a token. @throws {RotationError} when `signal` aborts first; its cause says why */
  async ready(signal?: AbortSignal): Promise<void> {
    await this.token.ready(signal)
  }

  /** KV version 2 at a mount, read with the session's token. Default `secret`. */
  kv(mount = 'secret'): KvV2 {
    return this.client.kv(mount)
  }

  /** A database user, for {@link VaultSession.lease}. Default mount `database`. */
  database({ mount = 'database', role }: { mount?: string; role: string }): Source<DatabaseCredential> {
    return this.client.database(mount).source(role)
  }

  /** Keeps something fresh that lives under the session's token. Close it, or the session, when it is done with. */
  lease<T>(source: Source<T>, options: LeaseOptions<T> = {}): Rotation<T> {
    const leased = new LeasedSource(source, {
      ready: (signal) => this.ready(signal),
      ended: () => this.token.snapshot().state === 'expired',
      reauthorize: ({ signal }) => this.#reauthorize(signal),
    })
    const rotation = this.#rotator.rotate<T>(leased, options)
    this.#remember(rotation)
    return rotation
  }

  /** Ends the leases, then the token, within `timeoutMs` (default 10 000). Calling it again is harmless. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options)
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Leases are closed without telling us: whenever there are twice as many, those that are closed are let go. */
  #remember(lease: Rotation<unknown>): void {
    if (this.#leases.size >= this.#forgetAt) this.#forgetClosed()
    this.#leases.add(lease)
  }

  #forgetClosed(): void {
    for (const lease of this.#leases) if (isClosed(lease)) this.#leases.delete(lease)
    this.#forgetAt = Math.max(leastForgetAt, 2 * this.#leases.size)
  }

  /**
   * The new token is in use from this moment; the last one is revoked when this resolves. A lease that cannot be
   * issued anew is tried again by the engine, while the last token, and what hangs on it, lives on. Near the end of
   * that token a lease no longer waits for its drain: a transaction is cut, so that queries go on.
   */
  async #adopt({ previous, signal }: Handover<VaultToken>): Promise<void> {
    if (previous === undefined) return
    this.#forgetClosed()
    // One listener for each lease is what is meant here.
    setMaxListeners(0, signal)
    await Promise.all(
      [...this.#leases].map(async (lease) => {
        await lease.replaceNow('parent', { deadline: signal }).catch((error: unknown) => {
          if (!isClosed(lease)) throw error
        })
      }),
    )
  }

  /**
   * Vault said no. One look at the token tells whether a policy did, or whether the token is gone: then one login
   * serves all who ask, after which every lease is issued anew.
   * @throws {PermissionDeniedError} when the token is good
   */
  #reauthorize(signal: AbortSignal | undefined): Promise<void> {
    this.#check ??= this.#lookAtToken().finally(() => {
      this.#check = undefined
    })
    return abortable(this.#check, signal)
  }

  async #lookAtToken(): Promise<void> {
    const looked = this.token.current()
    try {
      await this.#bare.token.lookupSelf()
    } catch (error) {
      if (!(error instanceof VaultError && error.code === 'ERR_VAULT_TOKEN_INVALID')) throw error
      if (looked === this.token.current()) await this.#nextToken(looked)
      return
    }
    const where = { operation: 'token_lookup', path: 'auth/token/lookup-self' }
    throw vaultError('ERR_VAULT_PERMISSION_DENIED', 'the token is good, so it is a policy that refuses', where)
  }

  /** Does not wait for the replacement's drain: that ends when the leases are issued anew, which may be who asks. */
  async #nextToken(dead: VaultToken): Promise<void> {
    const changes = this.token.changes()
    const changed = (async () => {
      for await (const token of changes) if (token !== dead) return
    })()
    try {
      await Promise.race([changed, this.token.replaceNow('unauthorized')])
    } finally {
      await changes.return?.()
    }
  }

  async #close(options: CloseOptions): Promise<void> {
    const { revoke = true, timeoutMs = 10_000 } = options
    const { clock } = this.client
    const endMs = clock.monotonicMs() + timeoutMs
    const leases = [...this.#leases]
    // Revoking the token revokes what is left of its leases: half of the time is enough for them.
    await Promise.all(leases.map((lease) => lease.close({ revoke, timeoutMs: timeoutMs / 2 })))
    await this.token.close({ revoke, timeoutMs: Math.max(0, endMs - clock.monotonicMs()) })
  }
}

const isClosed = (rotation: Rotation<unknown>): boolean => rotation.snapshot().state === 'closed'
