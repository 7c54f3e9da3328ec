/**
 * The X.509-SVID beside what the engine rotates: the agent pushes it, so its life is told here in the same terms.
 * @module
 */
import type { Clock, RotationEvent, RotationSnapshot } from '@chaveiro/rotation'
import {
  type SvidFetchFailed,
  type SvidRedacted,
  type SvidUpdated,
  svidFetchFailed,
  svidRedacted,
  svidUpdated,
} from '@chaveiro/spiffe'
import { Subscriptions } from './subscriptions.js'

const id = 'x509-svid'
const eventsKept = 32

/** Share of a life after which the agent should have brought the next SVID. */
const overdueFrom = 0.8

/** Listens until closed. */
export class X509Life {
  readonly #subscriptions = new Subscriptions()
  readonly #clock: Clock
  readonly #heard: (id: string) => void
  readonly #events: RotationEvent[] = []
  #svid: SvidUpdated | undefined
  #updatedMs: number | undefined
  #latestShare: number | undefined
  #replacements = 0
  #failures = 0
  #consecutiveFailures = 0

  /** @param heard - called with the credential's id whenever something was heard of it */
  constructor(clock: Clock, heard: (id: string) => void) {
    this.#clock = clock
    this.#heard = heard
    this.#subscriptions.on<SvidUpdated>(svidUpdated, (event) => event.svidType === 'x509' && this.#updated(event))
    this.#subscriptions.on<SvidFetchFailed>(
      svidFetchFailed,
      (event) => event.svidType === 'x509' && this.#failed(event),
    )
    this.#subscriptions.on<SvidRedacted>(svidRedacted, (event) => event.svidType === 'x509' && this.#redacted(event))
  }

  /** The SPIFFE ID of the SVID in use. */
  get spiffeId(): string | undefined {
    return this.#svid?.spiffeId
  }

  /** Oldest first. */
  get events(): readonly RotationEvent[] {
    return this.#events
  }

  snapshot(): RotationSnapshot {
    const nowMs = this.#clock.wallMs()
    const svid = this.#svid
    const ttlSeconds = svid && (svid.notAfterMs - svid.notBeforeMs) / 1000
    const remainingSeconds = svid && Math.max(0, (svid.notAfterMs - nowMs) / 1000)
    return {
      id,
      credentialType: 'x509_svid',
      name: svid?.spiffeId ?? 'not issued yet',
      state: remainingSeconds === undefined ? 'starting' : remainingSeconds > 0 ? 'live' : 'expired',
      ttlSeconds,
      remainingSeconds,
      nextAttemptInSeconds: undefined,
      overdue: ttlSeconds !== undefined && (remainingSeconds ?? 0) < ttlSeconds * (1 - overdueFrom),
      consecutiveFailures: this.#consecutiveFailures,
      lastSuccessWallMs: this.#updatedMs,
      latestFirstAttemptShare: this.#latestShare,
      renewals: 0,
      replacements: this.#replacements,
      failures: this.#failures,
    }
  }

  close(): void {
    this.#subscriptions.close()
  }

  #updated(event: SvidUpdated): void {
    const first = this.#svid === undefined
    this.#svid = event
    this.#updatedMs = this.#clock.wallMs()
    this.#consecutiveFailures = 0
    if (!first) this.#replacements += 1
    if (event.share !== undefined) this.#latestShare = Math.max(event.share, this.#latestShare ?? 0)
    const ttlSeconds = (event.notAfterMs - event.notBeforeMs) / 1000
    this.#tell({
      kind: first ? 'issued' : 'replaced',
      ttlSeconds,
      ...(event.share === undefined ? {} : { share: event.share }),
    })
  }

  #failed({ code, retryInSeconds }: SvidFetchFailed): void {
    this.#failures += 1
    this.#consecutiveFailures += 1
    const retry = retryInSeconds === undefined ? {} : { retryInMs: retryInSeconds * 1000 }
    this.#tell({ kind: 'failed', errorCode: code, ...retry })
  }

  #redacted({ reason }: SvidRedacted): void {
    this.#svid = undefined
    this.#tell({ kind: 'expired', errorCode: reason })
  }

  #tell(event: Pick<RotationEvent, 'kind' | 'ttlSeconds' | 'share' | 'errorCode' | 'retryInMs'>): void {
    this.#heard(id)
    const name = this.#svid?.spiffeId ?? 'not issued yet'
    const facts = { rotationId: id, credentialType: 'x509_svid', name, atWallMs: this.#clock.wallMs() }
    this.#events.push({ ...facts, cause: event.kind === 'issued' ? 'start' : 'schedule', ...event })
    if (this.#events.length > eventsKept) this.#events.shift()
  }
}
