/**
 * The X.509-SVID and the X.509 bundles of this process, always the newest that the agent has pushed.
 * @see SPIFFE_Workload_API.md, sections 4 and 5
 * @module
 */
import { type Clock, systemClock } from '@chaveiro/rotation'
import type { X509Bundle, X509BundleSource } from '../bundle/x509-bundle.js'
import {
  type IdentityAmbiguous,
  identityAmbiguous,
  type SvidRedacted,
  type SvidUpdated,
  svidRedacted,
  svidUpdated,
  type TrustBundleUpdated,
  trustBundleUpdated,
} from '../channels.js'
import type { TrustDomain } from '../id/trust-domain.js'
import type { X509Svid, X509SvidSource } from '../svid/x509-svid.js'
import { WorkloadApiClient, type WorkloadApiClientOptions } from './client.js'
import { closedError, WorkloadApiError } from './errors.js'
import type { X509Picker } from './picker.js'
import { type Start, waitForStart } from './start.js'
import { X509TrustBundles } from './trust-bundles.js'
import type { AfterFailure, Watch } from './watch.js'
import type { X509Context } from './x509-context.js'

export interface X509SourceOptions extends Pick<WorkloadApiClientOptions, 'endpoint' | 'env' | 'clock'> {
  /** Used, and left open at close. Default: a client of its own. */
  client?: WorkloadApiClient
  /** Chooses one of several identities. Default: the first, which with several entries may be any of them. */
  picker?: X509Picker
  /** Gives up the start; the source that has started does not listen to it. */
  signal?: AbortSignal
  /** Bound on the start, in milliseconds, above 0. Default 30 000. */
  timeoutMs?: number
  /**
   * Goes on with an SVID until it expires when the agent says that this process has no identity any more.
   * Default false: it is dropped at once, as the specification demands.
   */
  keepWithoutIdentity?: boolean
}

/** SVID and bundles that came in one message. */
export interface X509Snapshot {
  /** Absent when the agent says that this process has no identity. */
  readonly svid: X509Svid | undefined
  readonly bundles: X509TrustBundles
}

/** Plain data about a source. Ages and what remains are counted at the time of the call. */
export interface X509SourceState {
  readonly status: 'live' | 'no_identity' | 'expired' | 'closed'
  /** Whether an SVID can be used now. */
  readonly healthy: boolean
  readonly spiffeId: string | undefined
  readonly hint: string | undefined
  readonly notBeforeMs: number | undefined
  readonly notAfterMs: number | undefined
  readonly lifetimeSeconds: number | undefined
  /** Never below 0. */
  readonly remainingSeconds: number | undefined
  /** Since this SVID came. */
  readonly svidAgeSeconds: number | undefined
  /** Since the agent last sent a usable message, also one that changed nothing: an open stream proves nothing. */
  readonly lastMessageAgeSeconds: number | undefined
  readonly lastErrorCode: string | undefined
  /** Whether the last that was heard of the agent was a usable message. */
  readonly connected: boolean
  /** How often one SVID was replaced by another. */
  readonly rotations: number
  /** The largest share of an SVID's life at which its successor came. */
  readonly latestRotationShare: number | undefined
}

export class X509Source implements X509SvidSource, X509BundleSource, AsyncDisposable {
  readonly #clock: Clock
  readonly #options: X509SourceOptions
  readonly #closeClient: () => Promise<void>
  readonly #listeners = new Set<(snapshot: X509Snapshot) => void>()
  #watch: Watch | undefined
  #snapshot: X509Snapshot = { svid: undefined, bundles: X509TrustBundles.read({}) }
  #svidAtMs: number | undefined
  #messageAtMs: number | undefined
  #lastError: WorkloadApiError | undefined
  #rotations = 0
  #latestShare: number | undefined
  #closed = false

  private constructor(options: X509SourceOptions, clock: Clock, closeClient: () => Promise<void>) {
    this.#options = options
    this.#clock = clock
    this.#closeClient = closeClient
  }

  /**
   * Starts a source and waits for its first SVID. A start that fails leaves nothing open and may be repeated.
   * @throws {WorkloadApiError} with the code of the last failure, the address and a cure; or the signal's reason
   */
  static async open(options: X509SourceOptions = {}): Promise<X509Source> {
    const { clock = systemClock, timeoutMs = 30_000, signal } = options
    const client = options.client ?? new WorkloadApiClient(options)
    const closeClient = async (): Promise<void> => {
      if (!options.client) await client.close()
    }
    const source = new X509Source(options, clock, closeClient)
    try {
      const start = { what: 'X.509-SVID', endpoint: client.endpoint, timeoutMs, clock, signal }
      source.#watch = await waitForStart(start, (told) => source.#follow(client, told))
      return source
    } catch (error) {
      await closeClient()
      throw error
    }
  }

  /**
   * The SVID to use now.
   * @throws {WorkloadApiError} `ERR_WORKLOAD_API_SVID_EXPIRED`, `ERR_WORKLOAD_API_NO_IDENTITY`,
   *   `ERR_WORKLOAD_API_NO_MATCHING_SVID` or `ERR_WORKLOAD_API_CLOSED`; the cause is the last failure
   */
  x509Svid(): X509Svid {
    if (this.#closed) throw closedError('X509Source')
    const { svid } = this.#snapshot
    if (!svid) throw this.#lastError ?? noIdentity()
    if (this.#clock.wallMs() >= svid.notAfterMs) throw expired(svid, this.#lastError)
    return svid
  }

  /** `undefined`: nobody of that trust domain is to be trusted. @throws {WorkloadApiError} `ERR_WORKLOAD_API_CLOSED` */
  x509BundleFor(trustDomain: TrustDomain): X509Bundle | undefined {
    if (this.#closed) throw closedError('X509Source')
    return this.#snapshot.bundles.x509BundleFor(trustDomain)
  }

  /** SVID and bundles of one message, for those who need both to fit. */
  get snapshot(): X509Snapshot {
    return this.#snapshot
  }

  /** Told when the SVID in use or a bundle has changed. @returns removes the listener */
  onUpdate(listener: (snapshot: X509Snapshot) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get state(): X509SourceState {
    const { svid } = this.#snapshot
    const wallMs = this.#clock.wallMs()
    const status = this.#status(svid, wallMs)
    return {
      status,
      healthy: status === 'live',
      spiffeId: svid?.id.toString(),
      hint: svid?.hint,
      notBeforeMs: svid?.notBeforeMs,
      notAfterMs: svid?.notAfterMs,
      lifetimeSeconds: svid && (svid.notAfterMs - svid.notBeforeMs) / 1000,
      remainingSeconds: svid && Math.max(0, svid.notAfterMs - wallMs) / 1000,
      svidAgeSeconds: svid && this.#secondsSince(this.#svidAtMs),
      lastMessageAgeSeconds: this.#secondsSince(this.#messageAtMs),
      lastErrorCode: this.#lastError?.code,
      connected: this.#lastError === undefined && this.#messageAtMs !== undefined,
      rotations: this.#rotations,
      latestRotationShare: this.#latestShare,
    }
  }

  /** Ends the watch; a client that was handed in stays open. Calling it again is harmless. */
  async close(): Promise<void> {
    this.#closed = true
    this.#listeners.clear()
    await this.#watch?.close()
    await this.#closeClient()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #follow(client: WorkloadApiClient, start: Start): Watch {
    return client.watchX509Context({
      update: (context) => {
        const problem = this.#adopt(context)
        if (problem) this.#failed(problem, start)
        else start.ready()
      },
      failure: (error, next) => {
        if (error.code === 'ERR_WORKLOAD_API_NO_IDENTITY') this.#redact()
        this.#failed(error, start, next)
      },
    })
  }

  #failed(error: WorkloadApiError, start: Start, next: AfterFailure = { retryInMs: undefined, ended: false }): void {
    this.#lastError = error
    start.failed(error, next)
  }

  /** Takes over a message whole, or leaves everything as it was. @returns why it cannot be used */
  #adopt({ svids, bundles }: X509Context): WorkloadApiError | undefined {
    const { picker } = this.#options
    const svid = picker ? picker(svids) : svids[0]
    if (svid && this.#clock.wallMs() >= svid.notAfterMs) return expired(svid, undefined)
    this.#messageAtMs = this.#clock.monotonicMs()
    this.#lastError = undefined
    const previous = this.#snapshot
    const svidChanged = !sameSvid(svid, previous.svid)
    const bundlesChanged = !bundles.equals(previous.bundles)
    this.#snapshot = { svid: svidChanged ? svid : previous.svid, bundles }
    if (svid && svidChanged) this.#tellSvid(svid, previous.svid, picker ? [] : svids)
    if (bundlesChanged) this.#tellBundles(bundles)
    if (svidChanged || bundlesChanged) this.#tellListeners()
    return svid ? undefined : noMatch(svids)
  }

  #redact(): void {
    const { svid, bundles } = this.#snapshot
    if (!svid || this.#options.keepWithoutIdentity) return
    this.#snapshot = { svid: undefined, bundles }
    svidRedacted.publish({
      svidType: 'x509',
      spiffeId: svid.id.toString(),
      reason: 'no_identity',
    } satisfies SvidRedacted)
    this.#tellListeners()
  }

  #tellSvid(svid: X509Svid, previous: X509Svid | undefined, choice: readonly X509Svid[]): void {
    this.#svidAtMs = this.#clock.monotonicMs()
    const share =
      previous && (this.#clock.wallMs() - previous.notBeforeMs) / (previous.notAfterMs - previous.notBeforeMs)
    if (share !== undefined) {
      this.#rotations += 1
      this.#latestShare = Math.max(share, this.#latestShare ?? 0)
    }
    const { notBeforeMs, notAfterMs } = svid
    const spiffeId = svid.id.toString()
    svidUpdated.publish({ svidType: 'x509', spiffeId, notBeforeMs, notAfterMs, share } satisfies SvidUpdated)
    if (choice.length > 1 && !previous) {
      const spiffeIds = choice.map(({ id }) => id.toString())
      identityAmbiguous.publish({ svidType: 'x509', chosen: spiffeId, spiffeIds } satisfies IdentityAmbiguous)
    }
  }

  #tellBundles(bundles: X509TrustBundles): void {
    trustBundleUpdated.publish({
      bundleType: 'x509',
      trustDomains: bundles.trustDomains.map(({ name }) => name),
      atWallMs: this.#clock.wallMs(),
    } satisfies TrustBundleUpdated)
  }

  #tellListeners(): void {
    for (const listener of this.#listeners) listener(this.#snapshot)
  }

  #status(svid: X509Svid | undefined, wallMs: number): X509SourceState['status'] {
    if (this.#closed) return 'closed'
    if (!svid) return 'no_identity'
    return wallMs >= svid.notAfterMs ? 'expired' : 'live'
  }

  #secondsSince(momentMs: number | undefined): number | undefined {
    return momentMs === undefined ? undefined : (this.#clock.monotonicMs() - momentMs) / 1000
  }
}

/** An unchanged message after a reconnect is no rotation: the leaf says whether there is a new SVID. */
function sameSvid(one: X509Svid | undefined, other: X509Svid | undefined): boolean {
  const [leaf, otherLeaf] = [one?.chain[0], other?.chain[0]]
  return leaf && otherLeaf ? Buffer.compare(leaf, otherLeaf) === 0 : leaf === otherLeaf
}

function expired(svid: X509Svid, cause: WorkloadApiError | undefined): WorkloadApiError {
  const end = new Date(svid.notAfterMs).toISOString()
  return new WorkloadApiError('ERR_WORKLOAD_API_SVID_EXPIRED', `the X.509-SVID of ${svid.id} ended at ${end}`, {
    cure: 'The agent sends nothing newer: look whether it reaches its server, and at the clock of this machine.',
    cause,
  })
}

function noIdentity(): WorkloadApiError {
  return new WorkloadApiError('ERR_WORKLOAD_API_NO_IDENTITY', 'this process has no identity', {
    cure: 'Create a registration entry whose selectors match this process.',
  })
}

function noMatch(svids: readonly X509Svid[]): WorkloadApiError {
  const offered = svids.map(({ id, hint }) => (hint ? `${id} (${hint})` : `${id}`)).join(', ')
  return new WorkloadApiError('ERR_WORKLOAD_API_NO_MATCHING_SVID', `none of the identities was picked: ${offered}`, {
    cure: 'Correct the hint or the ID that is asked for, or the registration entries of this workload.',
  })
}
