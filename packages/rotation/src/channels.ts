/**
 * The events of this package: one `node:diagnostics_channel` per kind, named `chaveiro:rotation:<kind>`.
 * @module
 */
import { type Channel, channel } from 'node:diagnostics_channel'
import type { FailureKind } from './source.js'
import type { RotationCause } from './state.js'

/**
 * - `issued`: the first value is in use. `replaced`: a new value took the place of one that was held.
 * - `scheduled`: when the next first attempt is due (`inMs`); after each grant that ends.
 * - `truncated`: a renewal came back short, max TTL is near; a replacement follows. Not also said as `renewed`.
 * - `drained`: the previous value is no longer used (`forced`: its time was up). `revoked`: it was revoked.
 * - `orphaned`: a value arrived after its attempt had been given up; it is revoked, nobody ever used it.
 * - `failed`: an attempt or a revocation (`step`); `abandoned` when it will not be tried again.
 * - `overdue`: past `renewBefore` without a fresh grant, `expired`: past its end; once per grant.
 */
export type RotationEventKind =
  | 'issued'
  | 'scheduled'
  | 'renewed'
  | 'truncated'
  | 'replaced'
  | 'drained'
  | 'revoked'
  | 'orphaned'
  | 'failed'
  | 'overdue'
  | 'expired'

/** What may be said about a rotation: a secret has no field to be in. */
export interface RotationEvent {
  readonly kind: RotationEventKind
  readonly rotationId: string
  /** A closed set, fit for a metric label. */
  readonly credentialType: string
  /** For people. Not for a metric label. */
  readonly name: string
  readonly cause: RotationCause
  /** Binds what belongs to one attempt together. */
  readonly correlationId?: string
  readonly atWallMs: number
  /** Granted TTL; 0 never ends. */
  readonly ttlSeconds?: number
  /** Share of the TTL at which the attempt began, or at which this was said. */
  readonly share?: number
  /** No attempt had been made on that grant before. */
  readonly firstAttempt?: boolean
  /** Until the next attempt is due (`scheduled`). */
  readonly inMs?: number
  /** How long the attempt took. */
  readonly durationMs?: number
  readonly step?: 'renew' | 'issue' | 'probe' | 'reauthorize' | 'adopt' | 'revoke'
  readonly failureKind?: FailureKind
  readonly errorCode?: string
  /** Until the next try, when it waits for nothing but time. */
  readonly retryInMs?: number
  readonly consecutiveFailures?: number
  readonly forced?: boolean
  readonly abandoned?: boolean
}

function eventChannel(kind: RotationEventKind): Channel<unknown, RotationEvent> {
  return channel(`chaveiro:rotation:${kind}`) as Channel<unknown, RotationEvent>
}

/** Each kind's channel; subscribers are given a {@link RotationEvent}. */
export const rotationChannels: Readonly<Record<RotationEventKind, Channel<unknown, RotationEvent>>> = {
  issued: eventChannel('issued'),
  scheduled: eventChannel('scheduled'),
  renewed: eventChannel('renewed'),
  truncated: eventChannel('truncated'),
  replaced: eventChannel('replaced'),
  drained: eventChannel('drained'),
  revoked: eventChannel('revoked'),
  orphaned: eventChannel('orphaned'),
  failed: eventChannel('failed'),
  overdue: eventChannel('overdue'),
  expired: eventChannel('expired'),
}
