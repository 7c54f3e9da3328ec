/**
 * The attempts: renew, replace, reauthorize. Each is one flight with one deadline, and ends in one transition.
 * @module
 */
import { callEnded, callFailed, serverAnswered } from './answers.js'
import { RotationError } from './errors.js'
import { classifyFailure, unanswered } from './failure.js'
import type { Flight } from './flight.js'
import { handOver } from './handover.js'
import { grantedTerm, type Holding, isSound, renewedTerm } from './lifetime.js'
import type { RotationRecord, Underway } from './record.js'
import type { Failure, Grant, Renewal } from './source.js'
import {
  type AttemptAction,
  type AttemptState,
  adopted,
  attemptBegan,
  attemptFailed,
  attemptSuperseded,
  type RotationCause,
  reauthorized,
  renewed,
  retired,
} from './state.js'
import { countFailure, countSuccess } from './tally.js'
import { codeOf, tell, tellAttempt, tellSchedule } from './telling.js'

export function beginAttempt<T>(record: RotationRecord<T>, action: AttemptAction, cause: RotationCause): void {
  record.state = attemptBegan(record.state, action, cause, record.nowMs(), record.policy)
  const underway: Underway<T> = {
    flight: record.newFlight(),
    probes: record.breaker.begin(),
    step: action === 'replace' ? 'issue' : action,
  }
  record.underway = underway
  if (action !== 'reauthorize') record.requests?.attempted(action)
  const work = { renew, replace, reauthorize }[action]
  work(record, underway).catch((error: unknown) => failAttempt(record, underway, error))
}

async function renew<T>(record: RotationRecord<T>, underway: Underway<T>): Promise<void> {
  const { held } = record.state
  const { renew: renewValue } = record.source
  if (held === undefined || renewValue === undefined) throw new Error(`rotation ${record.id} has nothing to renew`)
  const { incrementSeconds } = held.term
  const renewal = await underway.flight.run(async (attempt) =>
    renewValue.call(record.source, held.value, { ...attempt, incrementSeconds }),
  )
  if (underway === record.underway) finishRenewal(record, underway, held, renewal)
}

function finishRenewal<T>(record: RotationRecord<T>, underway: Underway<T>, held: Holding<T>, renewal: Renewal): void {
  const { flight } = underway
  const { term, truncated } = renewedTerm(held.term, renewal, flight.startedMs, record.draw(), record.policy)
  const attempt = succeed(record, held)
  record.state = renewed(record.state, { value: held.value, term }, truncated, record.nowMs())
  tellAttempt(record, truncated ? 'truncated' : 'renewed', flight, attempt, held)
  if (!truncated) tellSchedule(record)
  record.adoptions?.revived(held.value)
  record.requests?.renewed()
  record.wake()
}

async function replace<T>(record: RotationRecord<T>, underway: Underway<T>): Promise<void> {
  const { flight } = underway
  const cause = record.state.attempt?.cause ?? 'schedule'
  const tooLate = (grant: Grant<T>): void => retireOrphan(record, grant, flight, cause)
  const grant = await flight.run(async (attempt) => record.source.issue(attempt), tooLate)
  if (underway !== record.underway) {
    tooLate(grant)
    return
  }
  underway.issued = holdingOf(record, { ...grant, ttlSeconds: 0 }, flight)
  // A TTL that makes no sense throws here, with the value at hand to be revoked.
  const issued = holdingOf(record, grant, flight)
  underway.issued = issued
  serverAnswered(record)
  // A breaker that closes wakes this rotation too: past its deadline the attempt is over, and the value retired.
  if (underway !== record.underway) return
  underway.step = 'probe'
  await flight.run(async (attempt) => record.consumer?.probe?.(issued.value, attempt))
  if (underway === record.underway) adopt(record, underway, issued)
}

function adopt<T>(record: RotationRecord<T>, { flight }: Underway<T>, next: Holding<T>): void {
  const previous = record.state.held
  const attempt = succeed(record, previous)
  const hasConsumer = record.consumer !== undefined
  record.state = adopted(record.state, next, flight.startedMs, record.nowMs(), hasConsumer, record.policy)
  handOver(record, next.value, previous)
  tellAttempt(record, previous === undefined ? 'issued' : 'replaced', flight, attempt, previous)
  tellSchedule(record)
  record.adoptions?.adopted(next.value)
  record.requests?.adopted(hasConsumer && previous !== undefined)
  record.wake()
}

async function reauthorize<T>(record: RotationRecord<T>, underway: Underway<T>): Promise<void> {
  await underway.flight.run(async (attempt) => record.source.reauthorize?.(attempt))
  if (underway !== record.underway) return
  land(record)
  serverAnswered(record)
  record.state = reauthorized(record.state, record.nowMs())
  record.wake()
}

/** Time is up: an answer that comes now is too late. */
export function giveUpAttempt<T>(record: RotationRecord<T>): void {
  const { underway } = record
  if (underway === undefined) return
  const error = record.timeout(`${underway.step} was not answered in time`)
  underway.flight.abort(error)
  failAttempt(record, underway, error, unanswered)
}

/** What is under way was asked for under a parent that is being replaced. */
export function supersedeAttempt<T>(record: RotationRecord<T>): void {
  const { underway } = record
  if (underway === undefined) return
  const { cause } = land(record)
  record.state = attemptSuperseded(record.state, record.policy)
  if (underway.issued !== undefined) record.state = retired(record.state, underway.issued, cause, record.nowMs())
  record.requests?.carriedOver()
  underway.flight.abort(new RotationError('ERR_ROTATION_SUPERSEDED', 'the parent was replaced during this attempt'))
  callEnded(record, underway.probes)
}

function failAttempt<T>(record: RotationRecord<T>, underway: Underway<T>, error: unknown, read?: Failure): void {
  if (underway !== record.underway) return
  const { step, issued, flight, probes } = underway
  const failure = read ?? (step === 'probe' ? { kind: 'unavailable' } : readFailure(record, error))
  const attempt = land(record)
  const nowMs = record.nowMs()
  const failed = { failure, step, ...(issued && { issuedTtlMs: issued.term.ttlMs }) }
  const canReauthorize = record.source.reauthorize !== undefined
  record.tally = countFailure(record.tally)
  record.lastFailure = error
  record.state = attemptFailed(record.state, failed, canReauthorize, nowMs, record.draw(), record.policy)
  if (issued !== undefined) record.state = retired(record.state, issued, attempt.cause, nowMs)
  const { held, failures, notBeforeMs } = record.state
  const retryInMs = notBeforeMs - nowMs
  const details = { step, failureKind: failure.kind, retryInMs, consecutiveFailures: failures, ...codeOf(error) }
  tellAttempt(record, 'failed', flight, attempt, held, details)
  // Where the next step follows at once (a login, a replacement), whoever asked waits for that one.
  if (retryInMs > 0) record.requests?.failed(error)
  else record.requests?.carriedOver()
  // The probe is the consumer's; it says nothing about the server that the source calls.
  if (step === 'probe') callEnded(record, probes)
  else callFailed(record, error, failure, probes)
  record.wake()
}

function readFailure<T>(record: RotationRecord<T>, error: unknown): Failure {
  if (error instanceof RotationError && error.code === 'ERR_ROTATION_BAD_GRANT') return { kind: 'refused' }
  return classifyFailure(record.source, error)
}

/** A value arrived for an attempt that had been given up. Nobody has used it. */
function retireOrphan<T>(record: RotationRecord<T>, grant: Grant<T>, flight: Flight, cause: RotationCause): void {
  const holding = holdingOf(record, isSound(grant.ttlSeconds) ? grant : { ...grant, ttlSeconds: 0 }, flight)
  tell(record, 'orphaned', cause, { correlationId: flight.correlationId, ttlSeconds: holding.term.ttlMs / 1000 })
  if (record.state.closed) {
    record.arrivesLate?.(holding)
    return
  }
  record.state = retired(record.state, holding, cause, record.nowMs())
  record.wake()
}

function holdingOf<T>(record: RotationRecord<T>, grant: Grant<T>, flight: Flight): Holding<T> {
  const renewable = grant.renewable && record.source.renew !== undefined
  const offered = { ...grant, renewable }
  const term = grantedTerm(offered, flight.startedMs, record.nowMs(), record.draw(), record.policy)
  return { value: grant.value, term }
}

function succeed<T>(record: RotationRecord<T>, before: Holding<T> | undefined): AttemptState {
  const attempt = land(record)
  record.lastFailure = undefined
  record.tally = countSuccess(record.tally, attempt, before, record.house.clock.wallMs())
  serverAnswered(record)
  return attempt
}

/** The attempt has ended; its state is still there for the transition that follows. */
function land<T>(record: RotationRecord<T>): AttemptState {
  record.underway = undefined
  const { attempt } = record.state
  if (attempt === undefined) throw new Error(`rotation ${record.id} has no attempt to end`)
  return attempt
}
