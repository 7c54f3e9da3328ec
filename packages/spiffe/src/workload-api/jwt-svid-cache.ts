/**
 * JWT-SVIDs by subject, audiences and hint. Each is kept fresh by a rotation, so that a call need not wait for
 * the agent, which looks at the process every time it is asked.
 * @module
 */
import type { Clock, Failure, Grant, Rotation, Rotator, Source } from '@chaveiro/rotation'
import { type SvidRedacted, type SvidUpdated, svidRedacted, svidUpdated } from '../channels.js'
import type { SpiffeId } from '../id/spiffe-id.js'
import type { JwtSvid } from '../svid/jwt-svid.js'
import { WorkloadApiError } from './errors.js'
import type { JwtTrustBundles } from './trust-bundles.js'

/** What a cached JWT-SVID was asked for. */
export interface JwtSvidKey {
  readonly audience: readonly string[]
  readonly subject: SpiffeId | undefined
  readonly hint: string | undefined
}

export interface JwtSvidCacheOptions {
  /** Asks the agent, within the deadline of a call. */
  fetch: (key: JwtSvidKey, signal?: AbortSignal) => Promise<JwtSvid>
  rotator: Rotator
  clock: Clock
  maxEntries: number
  marginMs: number
}

interface Entry {
  readonly text: string
  readonly key: JwtSvidKey
  held?: JwtSvid
  rotation?: Rotation<JwtSvid>
  fetching?: Promise<JwtSvid> | undefined
}

/** SPIRE's agent repeats a token until 45 to 55 % of its life; asked again earlier, it has not failed. */
const renewedByShare = 0.55
/** Nearer to its end than this share of its life a token is not handed out, whatever the margin. */
const largestMarginShare = 0.2

export class JwtSvidCache {
  readonly #options: JwtSvidCacheOptions
  /** The one used longest ago comes first. */
  readonly #entries = new Map<string, Entry>()

  constructor(options: JwtSvidCacheOptions) {
    this.#options = options
  }

  /** A token with life left: the one held, or a new one. Callers that ask for the same share one request. */
  get(key: JwtSvidKey): Promise<JwtSvid> {
    const entry = this.#entry(key)
    if (entry.held && this.#lifeLeft(entry.held)) return Promise.resolve(entry.held)
    entry.fetching ??= this.#refresh(entry).finally(() => {
      entry.fetching = undefined
    })
    return entry.fetching
  }

  /** Drops what was signed with keys that were published before and are not any more. */
  withdrawKeys(before: JwtTrustBundles, now: JwtTrustBundles): void {
    for (const entry of this.#entries.values()) {
      if (!entry.held) continue
      const { id, keyId = '' } = entry.held
      if (before.jwtBundleFor(id.trustDomain)?.key(keyId) && !now.jwtBundleFor(id.trustDomain)?.key(keyId))
        this.#redact(entry, 'key_withdrawn')
    }
  }

  /** Drops everything: the identity has been taken away. */
  withdrawIdentity(): void {
    for (const entry of this.#entries.values()) this.#redact(entry, 'no_identity')
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#entries.values(), (entry) => this.#drop(entry)))
  }

  #entry(key: JwtSvidKey): Entry {
    const audience = [...new Set(key.audience)].sort()
    const text = JSON.stringify([key.subject?.toString() ?? '', key.hint ?? '', ...audience])
    const entry = this.#entries.get(text) ?? { text, key: { ...key, audience } }
    this.#entries.delete(text)
    this.#entries.set(text, entry)
    const [oldest] = this.#entries.values()
    if (oldest && this.#entries.size > this.#options.maxEntries) void this.#drop(oldest)
    return entry
  }

  async #refresh(entry: Entry): Promise<JwtSvid> {
    if (entry.rotation) {
      await entry.rotation.replaceNow('request')
      return entry.held as JwtSvid
    }
    try {
      const svid = await this.#ask(entry)
      if (this.#isKept(entry)) {
        this.#hold(entry, svid)
        entry.rotation = this.#options.rotator.rotate(this.#source(entry, svid))
      }
      return svid
    } catch (error) {
      // A first request that fails leaves no rotation behind that would repeat it for nobody.
      await this.#drop(entry)
      throw error
    }
  }

  #source(entry: Entry, fetched: JwtSvid): Source<JwtSvid> {
    let first: JwtSvid | undefined = fetched
    return {
      credentialType: 'jwt_svid',
      name: entry.key.audience.join(' '),
      server: 'workload_api',
      issue: async ({ signal }) => {
        const svid = first ?? (await this.#next(entry, signal))
        first = undefined
        return this.#grant(svid)
      },
      classify,
    }
  }

  /** Asks for a token that lives longer than the one held: an agent without its server repeats the old one. */
  async #next(entry: Entry, signal: AbortSignal): Promise<JwtSvid> {
    const svid = await this.#ask(entry, signal)
    if (entry.held && svid.expiresAtMs <= entry.held.expiresAtMs) {
      if (this.#shareOf(entry.held) >= renewedByShare) throw notRenewed()
      return entry.held
    }
    if (this.#isKept(entry)) this.#hold(entry, svid)
    return svid
  }

  async #ask(entry: Entry, signal?: AbortSignal): Promise<JwtSvid> {
    const svid = await this.#options.fetch(entry.key, signal)
    if (svid.expiresAtMs <= this.#options.clock.wallMs()) throw alreadyExpired(svid)
    return svid
  }

  #hold(entry: Entry, svid: JwtSvid): void {
    const share = entry.held && this.#shareOf(entry.held)
    const wallMs = this.#options.clock.wallMs()
    entry.held = svid
    svidUpdated.publish({
      svidType: 'jwt',
      spiffeId: svid.id.toString(),
      notBeforeMs: startOf(svid, wallMs),
      notAfterMs: svid.expiresAtMs,
      share,
    } satisfies SvidUpdated)
  }

  /** Life is counted from `iat`, since the agent may hand out a token that it has had for a while. */
  #grant(svid: JwtSvid): Grant<JwtSvid> {
    const { clock } = this.#options
    const wallMs = clock.wallMs()
    const startMs = startOf(svid, wallMs)
    return {
      value: svid,
      ttlSeconds: (svid.expiresAtMs - startMs) / 1000,
      renewable: false,
      countsFromMs: clock.monotonicMs() - (wallMs - startMs),
    }
  }

  /** How much of its life a token has behind it. */
  #shareOf(svid: JwtSvid): number {
    const wallMs = this.#options.clock.wallMs()
    const startMs = startOf(svid, wallMs)
    return (wallMs - startMs) / (svid.expiresAtMs - startMs)
  }

  #lifeLeft(svid: JwtSvid): boolean {
    const { clock, marginMs } = this.#options
    const wallMs = clock.wallMs()
    const lifeMs = svid.expiresAtMs - startOf(svid, wallMs)
    return svid.expiresAtMs - wallMs > Math.min(marginMs, largestMarginShare * lifeMs)
  }

  #redact(entry: Entry, reason: SvidRedacted['reason']): void {
    if (entry.held) {
      const spiffeId = entry.held.id.toString()
      svidRedacted.publish({ svidType: 'jwt', spiffeId, reason } satisfies SvidRedacted)
    }
    void this.#drop(entry)
  }

  async #drop(entry: Entry): Promise<void> {
    if (this.#isKept(entry)) this.#entries.delete(entry.text)
    await entry.rotation?.close({ revoke: false })
  }

  #isKept(entry: Entry): boolean {
    return this.#entries.get(entry.text) === entry
  }
}

/** `iat`; a token without one, or from a clock ahead of ours, counts from now. */
const startOf = ({ issuedAtMs }: JwtSvid, wallMs: number): number => Math.min(issuedAtMs ?? wallMs, wallMs)

function classify(error: unknown): Failure {
  if (!(error instanceof WorkloadApiError)) return { kind: 'unavailable' }
  switch (error.code) {
    case 'ERR_WORKLOAD_API_INVALID_ARGUMENT':
    case 'ERR_WORKLOAD_API_UNIMPLEMENTED':
    case 'ERR_WORKLOAD_API_BAD_MESSAGE':
    case 'ERR_WORKLOAD_API_NO_MATCHING_SVID':
      return { kind: 'refused' }
    default:
      return { kind: 'unavailable' }
  }
}

function alreadyExpired(svid: JwtSvid): WorkloadApiError {
  const end = new Date(svid.expiresAtMs).toISOString()
  return new WorkloadApiError('ERR_WORKLOAD_API_SVID_EXPIRED', `the agent gave a JWT-SVID that ended at ${end}`, {
    cure: 'Compare the clock of this machine with that of the SPIFFE server, and look at the log of the agent.',
  })
}

function notRenewed(): WorkloadApiError {
  return new WorkloadApiError('ERR_WORKLOAD_API_UNAVAILABLE', 'the agent repeats the JWT-SVID that is held already', {
    cure: 'The agent does not reach its server; the JWT-SVID is used to its end. Look at the log of the agent.',
  })
}
