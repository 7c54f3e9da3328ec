/**
 * One service's standing with Vault: a token that stays alive, and the leases that hang on it.
 *
 * When to log in, renew and replace is the rotation engine's decision. What is added here is that leases die with
 * the token they were made with: they are issued anew under the next token before the last one is revoked.
 * @module
 */
import type { Attempt, CloseOptions, Consumer, Handover, RenewalPolicy, Rotation, Rotator, Source } from '@chaveiro/rotation'
import type { VaultClient } from './client.js'
import type { DatabaseCredential } from './database.js'
import { PermissionDeniedError } from './errors.js'
import type { KvV2 } from './kv.js'
import { LeasedSource } from './leased-source.js'
import type { Login } from './login.js'
import type { VaultToken } from './token.js'
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

export class VaultSession implements AsyncDisposable {
  /** Bears the session's token, whichever that is. A read that finds it revoked logs in and reads again. */
  readonly client: VaultClient
  readonly token: Rotation<VaultToken>
  readonly #bare: VaultClient
  readonly #rotator: Rotator
  readonly #leases = new Set<Rotation<unknown>>()
  #current: VaultToken | undefined
  #check: Promise<void> | undefined
  #closed: Promise<void> | undefined

  /** Begins to log in at once; {@link VaultSession.ready} tells when that is done. */
  static open(options: VaultSessionOptions): VaultSession {
    return new VaultSession(options)
  }

  private constructor({ client, login, rotator, tokenPolicy }: VaultSessionOptions) {
    const token = () => this.#current?.token
    this.#rotator = rotator
    this.#bare = client.withToken(token)
    this.client = client.withToken(token, { onTokenInvalid: (signal) => this.#reauthorize(signal) })
    this.token = rotator.rotate(new TokenSource(client, login), {
      consumer: { adopt: (next, handover) => this.#adopt(next, handover) },
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
      reauthorize: ({ signal }) => this.#reauthorize(signal),
    })
    const rotation = this.#rotator.rotate<T>(leased, options)
    this.#leases.add(rotation)
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

  /** The engine calls it at once when a token is granted, so that every request from now on bears the new one. */
  async #adopt(next: VaultToken, { previous }: Handover<VaultToken>): Promise<void> {
    this.#current = next
    if (previous === undefined) return
    const open = [...this.#leases].filter((lease) => lease.snapshot().state !== 'closed')
    this.#leases.clear()
    for (const lease of open) this.#leases.add(lease)
    const outcomes = await Promise.allSettled(open.map((lease) => lease.replaceNow('parent')))
    // One that fails is tried again by the engine; the previous token, and its leases, live on until their time is up.
    const failed = outcomes.find((outcome, index) => {
      return outcome.status === 'rejected' && open[index]?.snapshot().state !== 'closed'
    })
    if (failed?.status === 'rejected') throw failed.reason
  }

  /**
   * Vault said no. One look at the token tells whether a policy did, or whether the token is gone: then one login
   * for all who ask, after which every lease is issued anew.
   * @throws {PermissionDeniedError} when the token is good
   */
  #reauthorize(signal: AbortSignal | undefined): Promise<void> {
    this.#check ??= this.#lookAtToken().finally(() => {
      this.#check = undefined
    })
    return abortable(this.#check, signal)
  }

  async #lookAtToken(): Promise<void> {
    const looked = this.#current
    try {
      await this.#bare.token.lookupSelf()
    } catch (error) {
      if (!(error instanceof PermissionDeniedError)) throw error
      if (looked === this.#current) await this.#nextToken(looked)
      return
    }
  }

  /** The rotation says when the new token is in use; it would also wait until the leases are drained. */
  async #nextToken(dead: VaultToken | undefined): Promise<void> {
    const replaced = this.token.replaceNow('unauthorized')
    replaced.catch(() => {})
    for await (const token of this.token.changes()) {
      if (token !== dead) return
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
    this.#current = undefined
  }
}
