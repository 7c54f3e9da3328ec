/**
 * A connection does not outlive the SVIDs that opened it: TLS looks at certificates only when it begins.
 * @module
 */
import type { Clock, Timer } from '@chaveiro/rotation'
import { type ConnectionEnding, connectionEnding } from '../channels.js'

/** Share of its life after which a connection takes no new calls; those that run have the rest to finish. */
const drainFrom = 0.75

export interface ConnectionLife {
  readonly side: 'client' | 'server'
  /** SPIFFE ID of the peer, for the events. */
  readonly peer: string
  /** Wall-clock milliseconds at which the first of the two SVIDs ends. */
  readonly endsAtMs: number
  readonly clock: Clock
  /** Takes no new calls. Only the called side can tell its peer so. */
  drain?(): void
  end(): void
}

/** Sets the timers of one connection. @returns what cancels them, for when it closes by itself */
export function limitConnectionLife({ side, peer, endsAtMs, clock, drain, end }: ConnectionLife): () => void {
  const lifeMs = endsAtMs - clock.wallMs()
  const timers: Timer[] = []
  const at = (delayMs: number, stage: ConnectionEnding['stage'], run: () => void): void => {
    const timer = clock.schedule(delayMs, () => {
      connectionEnding.publish({ side, peer, stage } satisfies ConnectionEnding)
      run()
    })
    timers.push(timer)
  }
  if (drain) at(lifeMs * drainFrom, 'drain', drain)
  at(lifeMs, 'end', end)
  return () => {
    for (const timer of timers) timer.cancel()
  }
}
