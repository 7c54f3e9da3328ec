/**
 * The end of a rotation: what is under way is ended, what is held is revoked, all within a given time.
 * @module
 */
import { callEnded } from './answers.js'
import { type Clock, sleep } from './clock.js'
import type { RotationError } from './errors.js'
import { classifyFailure } from './failure.js'
import type { Flight } from './flight.js'
import type { Holding } from './lifetime.js'
import type { RotationRecord } from './record.js'
import type { CloseOptions } from './rotation.js'
import { closedState } from './state.js'
import { codeOf, tell } from './telling.js'

const retryPauseMs = 250
const longestPauseMs = 4_000

/** @param reason - what those are told who still wait for something */
export async function closeRecord<T>(
  record: RotationRecord<T>,
  reason: RotationError,
  { revoke = true, timeoutMs = 10_000 }: CloseOptions,
): Promise<void> {
  const { state, underway } = record
  const { clock } = record.house
  // Only an issue can still bring a value; what else is under way is ended and not waited for.
  const arriving = underway?.step === 'issue' ? underway.flight.settled : undefined
  const handed = record.handing?.settled
  stopWork(record, reason)
  const flights = new Set<Flight>()
  const revocations: Promise<void>[] = []
  let timeLeft = true
  const revokeOne = (holding: Holding<T> | undefined): void => {
    if (!revoke || holding === undefined) return
    if (!timeLeft) {
      void revokeLate(record, holding)
      return
    }
    const flight = record.newFlight()
    flights.add(flight)
    revocations.push(revokeAtEnd(record, holding, flight).finally(() => flights.delete(flight)))
  }
  const timeUp = (): void => {
    timeLeft = false
    for (const flight of flights) flight.abort(record.timeout('it could not be closed in time'))
  }
  const timer = clock.schedule(timeoutMs, timeUp, true)
  record.arrivesLate = revokeOne
  for (const holding of [state.held, underway?.issued, ...state.retired.map((entry) => entry.holding)]) {
    revokeOne(holding)
  }
  // Half of the time belongs to what drains, the rest to its revocation.
  const drained = settledWithin(clock, handed, timeoutMs / 2).then(() => revokeOne(state.draining?.holding))
  await Promise.all([drained, settledWithin(clock, arriving, timeoutMs)])
  // A value that arrives meanwhile adds one.
  while (revocations.length > 0) await Promise.all(revocations.splice(0))
  timer.cancel()
  timeLeft = false
}

function stopWork<T>(record: RotationRecord<T>, reason: RotationError): void {
  const { underway, handing, revoking } = record
  record.state = closedState()
  record.underway = undefined
  record.handing = undefined
  record.revoking = undefined
  record.house.scheduler.remove(record)
  record.breaker.waiting.delete(record)
  handing?.controller.abort(reason)
  underway?.flight.abort(reason)
  for (const { flight } of revoking?.values() ?? []) flight.abort(reason)
  record.adoptions?.end(reason)
  record.requests?.end(reason)
  const probes = underway?.probes === true || [...(revoking?.values() ?? [])].some((one) => one.probes)
  callEnded(record, probes)
}

/** Waits for `work`, but no longer than `mostMs`. */
async function settledWithin(clock: Clock, work: Promise<unknown> | undefined, mostMs: number): Promise<void> {
  if (work === undefined) return
  const over = new AbortController()
  const slept = sleep(clock, mostMs, over.signal).catch(() => undefined)
  await Promise.race([work, slept])
  over.abort()
}

/** Tries until it is done, the server refuses, or `flight` ends. */
async function revokeAtEnd<T>(record: RotationRecord<T>, holding: Holding<T>, flight: Flight): Promise<void> {
  const { source, house } = record
  if (source.revoke === undefined) return
  const { correlationId } = flight
  for (let pauseMs = retryPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      await flight.run(async (attempt) => source.revoke?.(holding.value, attempt))
      return tell(record, 'revoked', 'request', { correlationId })
    } catch (error) {
      const { kind } = classifyFailure(source, error)
      if (kind === 'gone') return tell(record, 'revoked', 'request', { correlationId })
      const abandoned = flight.aborted || kind !== 'unavailable'
      tell(record, 'failed', 'request', {
        step: 'revoke',
        correlationId,
        failureKind: kind,
        abandoned,
        ...codeOf(error),
      })
      if (abandoned) return
    }
    await sleep(house.clock, pauseMs, flight.attempt.signal).catch(() => undefined)
  }
}

/** For a value that arrives when everyone has gone. */
async function revokeLate<T>(record: RotationRecord<T>, holding: Holding<T>): Promise<void> {
  const flight = record.newFlight()
  const { clock } = record.house
  const { attemptTimeoutMs } = record.policy
  const timer = clock.schedule(attemptTimeoutMs, () => flight.abort(record.timeout('revoke was not answered in time')))
  await revokeAtEnd(record, holding, flight)
  timer.cancel()
}
