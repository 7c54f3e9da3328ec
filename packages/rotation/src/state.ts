/**
 * What a rotation knows, and how each thing that happens changes it. Pure: a state, an event and the time
 * make the next state. What to do about it is `decision.ts`; doing it is `rotation.ts`.
 * @module
 */
import { retryDelayMs } from './backoff.js'
import { type Floor, freshFloor, pay } from './floor.js'
import { attemptDeadlineMs, drainMarginMs, type Holding, hasEnded, revokeDeadlineMs, type Term } from './lifetime.js'
import type { RenewalPolicy } from './policy.js'
import type { Failure } from './source.js'

/** Why something is attempted. */
export type RotationCause =
  | 'schedule'
  | 'retry'
  | 'truncated'
  | 'gone'
  | 'unauthorized'
  | 'request'
  | 'parent'
  | 'clock_jump'
  | 'start'
  | 'consumer'

export type AttemptAction = 'renew' | 'replace' | 'reauthorize'

/** Something to do that does not follow from the life of the value alone. */
export interface Wanted {
  readonly action: AttemptAction
  readonly cause: RotationCause
  /** Asked for by whoever may overrule back-off, breaker and floor: a person, or the credential above. */
  readonly urgent: boolean
  /** Still wanted after an attempt that failed. */
  readonly lasting: boolean
}

/** The attempt in flight. */
export interface AttemptState {
  readonly action: AttemptAction
  readonly cause: RotationCause
  readonly wanted: Wanted | undefined
  readonly startedMs: number
  readonly deadlineMs: number
  /** The first on this grant, or the first since its window began: it leaves room for a retry. */
  readonly first: boolean
}

/** The previous value, while its consumer finishes with it. */
export interface Draining<T> {
  readonly holding: Holding<T>
  readonly cause: RotationCause
  /** When the consumer is told to end. */
  readonly signalMs: number
  /** When it is no longer waited for. */
  readonly endMs: number
  readonly signalled: boolean
}

/** A value that nobody uses any more and that must be revoked. */
export interface Retired<T> {
  readonly holding: Holding<T>
  readonly cause: RotationCause
  readonly tries: number
  /** Tries that ended in a refusal, or after the value's own end. Only so many are made. */
  readonly strikes: number
  /** When it is tried next or, in flight, given up; with all strikes spent, when it ends. */
  readonly dueMs: number
  readonly inFlight: boolean
}

export interface RotationState<T> {
  readonly held: Holding<T> | undefined
  readonly attempt: AttemptState | undefined
  readonly wanted: Wanted | undefined
  readonly draining: Draining<T> | undefined
  readonly retired: readonly Retired<T>[]
  readonly floor: Floor
  /** Failed attempts in a row. */
  readonly failures: number
  /** Nothing that is not urgent is attempted earlier. */
  readonly notBeforeMs: number
  /** When the last attempt began. */
  readonly triedMs: number
  /** The last `unauthorized` failure has been answered by a successful `reauthorize`. */
  readonly reauthorized: boolean
  readonly overdueTold: boolean
  readonly expiredTold: boolean
  readonly closed: boolean
}

const none: readonly never[] = Object.freeze([])
const revokeStrikes = 5

/** One hidden class for all states: spreading made one per state, a third of an idle rotation's memory. */
class StateRecord<T> implements RotationState<T> {
  held: Holding<T> | undefined = undefined
  attempt: AttemptState | undefined = undefined
  wanted: Wanted | undefined = undefined
  draining: Draining<T> | undefined = undefined
  retired: readonly Retired<T>[] = none
  floor: Floor = freshFloor
  failures = 0
  notBeforeMs = Number.NEGATIVE_INFINITY
  triedMs = Number.NEGATIVE_INFINITY
  reauthorized = false
  overdueTold = false
  expiredTold = false
  closed = false
}

export function initialState<T>(): RotationState<T> {
  return new StateRecord()
}

function changed<T>(state: RotationState<T>, changes: Partial<RotationState<T>>): RotationState<T> {
  return Object.assign(new StateRecord<T>(), state, changes)
}

/** Whether nothing valid is held. */
export function isEmptyHanded(state: RotationState<unknown>, nowMs: number): boolean {
  return state.held === undefined || hasEnded(state.held.term, nowMs)
}

/** Values that live on the server as far as we know: held, draining, waiting to be revoked. */
export function aliveCount(state: RotationState<unknown>, nowMs: number): number {
  const lives = (holding: Holding<unknown> | undefined): boolean =>
    holding !== undefined && !hasEnded(holding.term, nowMs)
  // With nothing valid left, service goes before what the server has refused to revoke.
  const heeded = isEmptyHanded(state, nowMs) ? state.retired.filter((entry) => !isSpent(entry)) : state.retired
  return [state.held, state.draining?.holding, ...heeded.map((entry) => entry.holding)].filter(lives).length
}

/** Whether no more tries are made to revoke it. */
export function isSpent(entry: Retired<unknown>): boolean {
  return entry.strikes >= revokeStrikes
}

/** Someone asks for something: joined with what is wanted already, the stronger of both. */
export function asked<T>(state: RotationState<T>, ask: Wanted): RotationState<T> {
  const before = state.wanted
  if (before === undefined) return changed(state, { wanted: ask })
  const action = before.action === 'renew' ? ask.action : before.action
  const urgent = before.urgent || ask.urgent
  const cause = ask.urgent || !before.urgent ? ask.cause : before.cause
  return changed(state, { wanted: { action, cause, urgent, lasting: before.lasting || ask.lasting } })
}

export function attemptBegan<T>(
  state: RotationState<T>,
  action: AttemptAction,
  cause: RotationCause,
  nowMs: number,
  policy: RenewalPolicy,
): RotationState<T> {
  const first = action !== 'reauthorize' && isFirst(state, nowMs)
  const deadlineMs = attemptDeadlineMs(state.held?.term, first, nowMs, policy)
  const attempt = { action, cause, wanted: state.wanted, startedMs: nowMs, deadlineMs, first }
  return changed(state, { attempt, wanted: undefined, triedMs: nowMs })
}

function isFirst({ held, failures, triedMs }: RotationState<unknown>, nowMs: number): boolean {
  if (failures === 0) return true
  const windowMs = held?.term.firstAttemptMs ?? Number.POSITIVE_INFINITY
  return nowMs >= windowMs && triedMs < windowMs
}

/** A pause after success, so that a source whose answers are older than their TTL makes no hot loop. */
function breath(holding: Holding<unknown>, nowMs: number): number {
  return nowMs + Math.min(100, Math.max(10, 0.02 * holding.term.ttlMs))
}

export function renewed<T>(
  state: RotationState<T>,
  holding: Holding<T>,
  truncated: boolean,
  nowMs: number,
): RotationState<T> {
  const next = fresh(state, holding, truncated ? nowMs : breath(holding, nowMs))
  if (!truncated) return next
  return changed(next, { wanted: joined(state, lasting('replace', 'truncated')) })
}

/** A new value is in use from now on; the previous one, if any, drains until `hasConsumer` says or time is up. */
export function adopted<T>(
  state: RotationState<T>,
  holding: Holding<T>,
  sentMs: number,
  nowMs: number,
  hasConsumer: boolean,
  policy: RenewalPolicy,
): RotationState<T> {
  const previous = state.held
  return changed(fresh(state, holding, breath(holding, nowMs)), {
    floor: pay(state.floor, sentMs, holding.term.ttlMs, policy),
    draining: previous && {
      holding: previous,
      cause: state.attempt?.cause ?? 'schedule',
      signalled: false,
      ...drainBounds(previous.term, holding.term, nowMs, hasConsumer, policy),
    },
  })
}

function fresh<T>(state: RotationState<T>, held: Holding<T>, notBeforeMs: number): RotationState<T> {
  return changed(state, {
    held,
    notBeforeMs,
    attempt: undefined,
    failures: 0,
    reauthorized: false,
    overdueTold: false,
    expiredTold: false,
  })
}

/**
 * A drain ends with the life of the previous value, and before the next one comes up for renewal: a third
 * value must have room by then.
 */
function drainBounds(
  previous: Term,
  next: Term,
  nowMs: number,
  hasConsumer: boolean,
  policy: RenewalPolicy,
): { readonly signalMs: number; readonly endMs: number } {
  const marginMs = Math.min(drainMarginMs(previous), drainMarginMs(next))
  const boundMs = nowMs + (hasConsumer ? policy.drainMaxMs : policy.handOffMs)
  const signalMs = Math.max(nowMs, Math.min(boundMs, previous.endsMs - marginMs, next.firstAttemptMs - 2 * marginMs))
  return { signalMs, endMs: hasConsumer ? signalMs + marginMs : signalMs }
}

/** What an attempt died of, and at which of its steps. */
export interface AttemptFailure {
  readonly failure: Failure
  readonly step: 'renew' | 'issue' | 'probe' | 'reauthorize'
  /** TTL of the value that the attempt had obtained before it failed. */
  readonly issuedTtlMs?: number
}

export function attemptFailed<T>(
  state: RotationState<T>,
  { failure, step, issuedTtlMs }: AttemptFailure,
  canReauthorize: boolean,
  nowMs: number,
  draw: number,
  policy: RenewalPolicy,
): RotationState<T> {
  const attempt = state.attempt
  if (attempt === undefined) return state
  const failures = state.failures + 1
  const spent = issuedTtlMs !== undefined || (step === 'issue' && failure.lost === true)
  const floor = spent ? pay(state.floor, attempt.startedMs, issuedTtlMs, policy) : state.floor
  const next = changed(state, { attempt: undefined, failures, floor })
  const remedy = remedyOf(failure, step, canReauthorize && !state.reauthorized)
  if (remedy !== undefined) return changed(next, { wanted: joined(state, remedy), notBeforeMs: nowMs })
  // A second refusal of what authorises us is a plain refusal: the slowest pace, then another login.
  const refused = failure.kind === 'unauthorized'
  const read: Failure = refused ? { ...failure, kind: 'refused' } : failure
  const pauseMs = retryDelayMs({ failures, first: attempt.first, failure: read }, state.held?.term, nowMs, draw, policy)
  // What authorises us is good, so a policy refused the call: the next try is the call, which may be allowed by then.
  const action = step === 'reauthorize' && refused ? 'replace' : attempt.action
  const again = attempt.wanted?.lasting ? lasting(action, 'retry') : undefined
  return changed(next, {
    wanted: again === undefined ? state.wanted : joined(state, again),
    notBeforeMs: nowMs + pauseMs,
    reauthorized: state.reauthorized && !refused,
  })
}

/** What follows at once upon a failure that no pause would cure. */
function remedyOf({ kind }: Failure, step: AttemptFailure['step'], canReauthorize: boolean): Wanted | undefined {
  if (kind === 'gone' && step === 'renew') return lasting('replace', 'gone')
  if (kind !== 'unauthorized' || (step !== 'renew' && step !== 'issue')) return undefined
  if (canReauthorize) return lasting('reauthorize', 'unauthorized')
  return step === 'renew' ? lasting('replace', 'unauthorized') : undefined
}

/** Wanted until it is done, within back-off, breaker and floor. */
function lasting(action: AttemptAction, cause: RotationCause): Wanted {
  return { action, cause, urgent: false, lasting: true }
}

function joined<T>(state: RotationState<T>, wanted: Wanted): Wanted {
  return state.wanted === undefined ? wanted : (asked(changed(state, { wanted }), state.wanted).wanted ?? wanted)
}

/** The attempt in flight makes room for a newer request; an issue among it is counted as one that may have worked. */
export function attemptSuperseded<T>(state: RotationState<T>, policy: RenewalPolicy): RotationState<T> {
  const { attempt } = state
  if (attempt === undefined) return state
  const floor = attempt.action === 'replace' ? pay(state.floor, attempt.startedMs, undefined, policy) : state.floor
  return changed(state, { attempt: undefined, floor })
}

export function reauthorized<T>(state: RotationState<T>, nowMs: number): RotationState<T> {
  const wanted = joined(state, lasting('replace', 'unauthorized'))
  return changed(state, { attempt: undefined, wanted, reauthorized: true, notBeforeMs: nowMs })
}

export function drainSignalled<T>(state: RotationState<T>): RotationState<T> {
  return state.draining === undefined ? state : changed(state, { draining: { ...state.draining, signalled: true } })
}

/** Room is needed for another value: the drain is at its end now, with no more than its margin left. */
export function drainHurried<T>(state: RotationState<T>, nowMs: number): RotationState<T> {
  const { draining } = state
  if (draining === undefined || draining.signalled) return state
  const endMs = Math.min(draining.endMs, nowMs + drainMarginMs(draining.holding.term))
  return changed(state, { draining: { ...draining, signalMs: nowMs, endMs } })
}

export function drainEnded<T>(state: RotationState<T>): RotationState<T> {
  return changed(state, { draining: undefined })
}

/** A value that nobody uses any more waits to be revoked. */
export function retired<T>(
  state: RotationState<T>,
  holding: Holding<T>,
  cause: RotationCause,
  nowMs: number,
): RotationState<T> {
  const entry: Retired<T> = { holding, cause, tries: 0, strikes: 0, dueMs: nowMs, inFlight: false }
  return changed(state, { retired: [...state.retired, entry] })
}

export function revokeBegan<T>(
  state: RotationState<T>,
  entry: Retired<T>,
  nowMs: number,
  policy: RenewalPolicy,
): RotationState<T> {
  const dueMs = revokeDeadlineMs(entry.holding.term, nowMs, policy)
  return replaceRetired(state, entry, { ...entry, tries: entry.tries + 1, dueMs, inFlight: true })
}

/** The value is revoked, or has ended. */
export function revokeDone<T>(state: RotationState<T>, holding: Holding<T>): RotationState<T> {
  const left = state.retired.filter((entry) => entry.holding !== holding)
  return changed(state, { retired: left.length === 0 ? none : left })
}

/**
 * Tried again after a pause: for as long as the value lives when the server is away, a few times when it
 * refuses. A value that has spent its tries is kept in mind until it ends, since it lives on until then.
 */
export function revokeFailed<T>(
  state: RotationState<T>,
  holding: Holding<T>,
  failure: Failure,
  nowMs: number,
  draw: number,
  policy: RenewalPolicy,
): RotationState<T> {
  const entry = state.retired.find((candidate) => candidate.holding === holding)
  if (entry === undefined) return state
  const { term } = holding
  const struck = failure.kind !== 'unavailable' || hasEnded(term, nowMs)
  const strikes = entry.strikes + (struck ? 1 : 0)
  if (strikes >= revokeStrikes) {
    const lives = term.endsMs > nowMs && term.endsMs < Number.POSITIVE_INFINITY
    if (!lives) return revokeDone(state, holding)
    return replaceRetired(state, entry, { ...entry, strikes, dueMs: term.endsMs, inFlight: false })
  }
  const dueMs = nowMs + retryDelayMs({ failures: entry.tries, first: false, failure }, term, nowMs, draw, policy)
  return replaceRetired(state, entry, { ...entry, strikes, dueMs, inFlight: false })
}

function replaceRetired<T>(state: RotationState<T>, old: Retired<T>, next: Retired<T>): RotationState<T> {
  return changed(state, { retired: state.retired.map((entry) => (entry.holding === old.holding ? next : entry)) })
}

/** Everything that waits is put off, to keep a herd apart. */
export function postponed<T>(state: RotationState<T>, untilMs: number): RotationState<T> {
  return changed(state, { notBeforeMs: Math.max(state.notBeforeMs, untilMs) })
}

/** The machine has slept: what is held is renewed at `atMs`, whatever its life says. */
export function wokenUp<T>(state: RotationState<T>, atMs: number): RotationState<T> {
  if (state.held === undefined || state.held.term.ttlMs === 0) return state
  return changed(state, { wanted: joined(state, lasting('renew', 'clock_jump')), notBeforeMs: atMs })
}

/** Said once per grant. */
export function told<T>(state: RotationState<T>, what: 'overdue' | 'expired'): RotationState<T> {
  return changed(state, what === 'overdue' ? { overdueTold: true } : { expiredTold: true })
}

/** Nothing is held, wanted or under way any more. */
export function closedState<T>(): RotationState<T> {
  return changed(initialState<T>(), { closed: true })
}
