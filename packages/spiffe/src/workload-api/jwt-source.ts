/**
 * JWT-SVIDs of this process for any audience, and the JWT bundles to validate those of others.
 * @see SPIFFE_Workload_API.md, section 6
 * @module
 */
import { type Clock, Rotator, systemClock } from '@chaveiro/rotation'
import type { JwtBundle, JwtBundleSource } from '../bundle/jwt-bundle.js'
import { type TrustBundleUpdated, trustBundleUpdated } from '../channels.js'
import type { SpiffeId } from '../id/spiffe-id.js'
import type { TrustDomain } from '../id/trust-domain.js'
import type { JwtSvid, JwtSvidSource } from '../svid/jwt-svid.js'
import { WorkloadApiClient, type WorkloadApiClientOptions } from './client.js'
import { closedError, WorkloadApiError } from './errors.js'
import { JwtSvidCache, type JwtSvidKey } from './jwt-svid-cache.js'
import { type Start, waitForStart } from './start.js'
import { JwtTrustBundles } from './trust-bundles.js'
import type { Watch } from './watch.js'

export interface JwtSourceOptions extends Pick<WorkloadApiClientOptions, 'endpoint' | 'env' | 'clock'> {
  /** Used, and left open at close. Default: a client of its own. */
  client?: WorkloadApiClient
  /** Keeps the tokens fresh, and shows each as a `jwt_svid`. Left open at close. Default: one of its own. */
  rotator?: Rotator
  /** Tokens kept at most, by subject, audiences and hint, 1 or more; the one used longest ago goes. Default 100. */
  maxEntries?: number
  /**
   * A token with less life left is not handed out any more, in milliseconds. Default 10 000, yet never more than a
   * fifth of the token's life.
   */
  marginMs?: number
  /** Gives up the start; the source that has started does not listen to it. */
  signal?: AbortSignal
  /** Bound on the start, in milliseconds, above 0. Default 30 000. */
  timeoutMs?: number
}

export interface FetchJwtSvidOptions {
  /** Whom the token is for: one service is best. */
  audience: string | readonly string[]
  /** One of several identities. Default: the first. */
  subject?: SpiffeId
  /** Likewise, by the hint of its registration entry. */
  hint?: string
  signal?: AbortSignal
}

export class JwtSource implements JwtSvidSource, JwtBundleSource, AsyncDisposable {
  readonly #clock: Clock
  readonly #cache: JwtSvidCache
  readonly #closeOwned: () => Promise<void>
  #watch: Watch | undefined
  #bundles = JwtTrustBundles.read({})
  #closed = false

  private constructor(clock: Clock, cache: JwtSvidCache, closeOwned: () => Promise<void>) {
    this.#clock = clock
    this.#cache = cache
    this.#closeOwned = closeOwned
  }

  /**
   * Starts a source and waits for the first JWT bundles. A start that fails leaves nothing open and may be repeated.
   * @throws {WorkloadApiError} with the code of the last failure, the address and a cure; or the signal's reason
   */
  static async open(options: JwtSourceOptions = {}): Promise<JwtSource> {
    const { clock = systemClock, timeoutMs = 30_000, maxEntries = 100, marginMs = 10_000, signal } = options
    if (!(maxEntries >= 1)) throw new RangeError(`maxEntries must be 1 or more, got ${maxEntries}`)
    if (!(marginMs >= 0)) throw new RangeError(`marginMs must be 0 or more, got ${marginMs}`)
    const client = options.client ?? new WorkloadApiClient(options)
    const rotator = options.rotator ?? new Rotator({ clock })
    const closeOwned = async (): Promise<void> => {
      if (!options.rotator) await rotator.close()
      if (!options.client) await client.close()
    }
    const cache = new JwtSvidCache({ fetch: fetchBy(client), rotator, clock, maxEntries, marginMs })
    const source = new JwtSource(clock, cache, closeOwned)
    try {
      const start = { what: 'JWT bundles', endpoint: client.endpoint, timeoutMs, clock, signal }
      source.#watch = await waitForStart(start, (told) => source.#follow(client, told))
      return source
    } catch (error) {
      await closeOwned()
      throw error
    }
  }

  /**
   * A JWT-SVID with life left: from the cache, or asked of the agent within the client's `timeoutMs`.
   * @throws {WorkloadApiError} also `ERR_WORKLOAD_API_CLOSED`; or the signal's reason
   */
  async fetchJwtSvid({ audience, subject, hint, signal }: FetchJwtSvidOptions): Promise<JwtSvid> {
    if (this.#closed) throw closedError('JwtSource')
    signal?.throwIfAborted()
    const audiences = typeof audience === 'string' ? [audience] : audience
    return unlessAborted(this.#cache.get({ audience: audiences, subject, hint }), signal)
  }

  /** `undefined`: nobody of that trust domain is to be trusted. @throws {WorkloadApiError} `ERR_WORKLOAD_API_CLOSED` */
  jwtBundleFor(trustDomain: TrustDomain): JwtBundle | undefined {
    if (this.#closed) throw closedError('JwtSource')
    return this.#bundles.jwtBundleFor(trustDomain)
  }

  /** Ends the watch and the rotations; what was handed in stays open. Calling it again is harmless. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#watch?.close()
    await this.#cache.close()
    await this.#closeOwned()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #follow(client: WorkloadApiClient, start: Start): Watch {
    return client.watchJwtBundles({
      update: (bundles) => {
        this.#adopt(bundles)
        start.ready()
      },
      failure: (error, next) => {
        if (error.code === 'ERR_WORKLOAD_API_NO_IDENTITY') this.#cache.withdrawIdentity()
        start.failed(error, next)
      },
    })
  }

  #adopt(bundles: JwtTrustBundles): void {
    const before = this.#bundles
    if (bundles.equals(before)) return
    this.#bundles = bundles
    this.#cache.withdrawKeys(before, bundles)
    trustBundleUpdated.publish({
      bundleType: 'jwt',
      trustDomains: bundles.trustDomains.map(({ name }) => name),
      atWallMs: this.#clock.wallMs(),
    } satisfies TrustBundleUpdated)
  }
}

function fetchBy(client: WorkloadApiClient) {
  return async ({ audience, subject, hint }: JwtSvidKey, signal?: AbortSignal): Promise<JwtSvid> => {
    const svids = await client.fetchJwtSvids({ audience, ...(subject && { subject }) }, { ...(signal && { signal }) })
    const svid = hint === undefined ? svids[0] : svids.find((each) => each.hint === hint)
    if (svid) return svid
    throw new WorkloadApiError(
      'ERR_WORKLOAD_API_NO_MATCHING_SVID',
      `no JWT-SVID bears the hint ${JSON.stringify(hint)}`,
      {
        cure: 'Correct the hint that is asked for, or the registration entries of this workload.',
      },
    )
  }
}

/** One caller that gives up does not take the request away from the others. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
