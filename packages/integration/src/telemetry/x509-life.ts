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
  type X509Source,
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
  #source: X509Source | undefined
  #failures = 0
  #consecutiveFailures = 0

  /** @param heard - called with the credential's id whenever something was heard of it */
  constructor(clock: Clock, heard: (id: string) => void) {
    this.#clock = clock
    this.#heard = heard
    this.#subscriptions.on<SvidUpdated>(svidUpdated, (event) => this.#isOurs(event) && this.#updated(event))
    this.#subscriptions.on<SvidFetchFailed>(
      svidFetchFailed,
      (event) => event.svidType === 'x509' && this.#failed(event),
    )
    this.#subscriptions.on<SvidRedacted>(svidRedacted, (event) => this.#isOurs(event) && this.#redacted(event))
  }

  /** From now on the life shown is that of this source. */
  follow(source: X509Source): void {
    this.#source = source
  }

  /** The SPIFFE ID of the SVID in use. */
  get spiffeId(): string | undefined {
    return this.#source?.state.spiffeId
  }

  /** Oldest first. */
  get events(): readonly RotationEvent[] {
    return this.#events
  }

  snapshot(): RotationSnapshot {
    const state = this.#source?.state
    const { lifetimeSeconds: ttlSeconds, remainingSeconds, svidAgeSeconds } = state ?? {}
    return {
      id,
      credentialType: 'x509_svid',
      name: state?.spiffeId ?? 'not issued yet',
      state: state === undefined ? 'starting' : state.status === 'no_identity' ? 'expired' : state.status,
      ttlSeconds,
      remainingSeconds,
      nextAttemptInSeconds: undefined,
      overdue: ttlSeconds !== undefined && (remainingSeconds ?? 0) < ttlSeconds * (1 - overdueFrom),
      consecutiveFailures: this.#consecutiveFailures,
      lastSuccessWallMs: svidAgeSeconds === undefined ? undefined : this.#clock.wallMs() - svidAgeSeconds * 1000,
      latestFirstAttemptShare: state?.latestRotationShare,
      renewals: 0,
      replacements: state?.rotations ?? 0,
      failures: this.#failures,
    }
  }

  close(): void {
    this.#subscriptions.close()
  }

  /** Events tell of every source of the process; those of another identity are not this one's. */
  #isOurs({ svidType, spiffeId }: { svidType: string; spiffeId: string }): boolean {
    return svidType === 'x509' && (this.spiffeId === undefined || this.spiffeId === spiffeId)
  }

  #updated({ notBeforeMs, notAfterMs, share }: SvidUpdated): void {
    this.#consecutiveFailures = 0
    const ttlSeconds = (notAfterMs - notBeforeMs) / 1000
    this.#tell({
      kind: share === undefined ? 'issued' : 'replaced',
      ttlSeconds,
      ...(share === undefined ? {} : { share }),
    })
  }

  #failed({ code, retryInSeconds }: SvidFetchFailed): void {
    this.#failures += 1
    this.#consecutiveFailures += 1
    const retry = retryInSeconds === undefined ? {} : { retryInMs: retryInSeconds * 1000 }
    this.#tell({ kind: 'failed', errorCode: code, ...retry })
  }

  #redacted({ reason }: SvidRedacted): void {
    this.#tell({ kind: 'expired', errorCode: reason })
  }

  #tell(event: Pick<RotationEvent, 'kind' | 'ttlSeconds' | 'share' | 'errorCode' | 'retryInMs'>): void {
    this.#heard(id)
    const name = this.spiffeId ?? 'not issued yet'
    const facts = { rotationId: id, credentialType: 'x509_svid', name, atWallMs: this.#clock.wallMs() }
    this.#events.push({ ...facts, cause: event.kind === 'issued' ? 'start' : 'schedule', ...event })
    if (this.#events.length > eventsKept) this.#events.shift()
  }
}
