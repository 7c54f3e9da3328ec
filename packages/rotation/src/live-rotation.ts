/**
 * Does what `decision.ts` decides, and is what users hold in their hands.
 * @module
 */
import { inspect } from 'node:util'
import { Adoptions } from './adoptions.js'
import { beginAttempt, giveUpAttempt, supersedeAttempt } from './attempts.js'
import { closeRecord } from './closing.js'
import { type Decision, decide } from './decision.js'
import { RotationError, type RotationErrorCode } from './errors.js'
import { endDrain, signalDrain } from './handover.js'
import { type Holding, hasEnded } from './lifetime.js'
import { RotationRecord } from './record.js'
import { Requests } from './requests.js'
import { beginRevocation, forgetRetired, giveUpRevocation } from './revocations.js'
import type { CloseOptions, Rotation, RotationSnapshot } from './rotation.js'
import { lifeAt } from './snapshot.js'
import { asked, drainHurried, postponed, type RotationCause, told, wokenUp } from './state.js'
import { tellLateness } from './telling.js'

type Deed<T> = Exclude<Decision<T>, { readonly do: 'wait' | 'nothing' }>

export class LiveRotation<T> extends RotationRecord<T> implements Rotation<T> {
  #closing: Promise<void> | undefined

  current(): T {
    return this.#live().value
  }

  async ready(signal?: AbortSignal): Promise<T> {
    try {
      return this.current()
    } catch (error) {
      if (this.state.closed) throw error
    }
    this.adoptions ??= new Adoptions()
    return this.adoptions.first(signal, () => this.#error('ERR_ROTATION_NOT_READY', 'was not ready in time'))
  }

  changes(): AsyncIterableIterator<T> {
    this.adoptions ??= new Adoptions()
    const { held } = this.state
    const iterator = this.adoptions.iterate(held && !hasEnded(held.term, this.nowMs()) ? held : undefined)
    if (this.state.closed) this.adoptions.end(undefined)
    return iterator
  }

  renewNow(cause: RotationCause): Promise<void> {
    return this.#ask('renew', cause)
  }

  replaceNow(cause: RotationCause, { deadline }: { readonly deadline?: AbortSignal } = {}): Promise<void> {
    if (cause === 'parent') supersedeAttempt(this)
    const outcome = this.#ask('replace', cause)
    if (deadline === undefined) return outcome
    const makeRoom = (): void => this.#makeRoom()
    const forget = (): void => deadline.removeEventListener('abort', makeRoom)
    deadline.addEventListener('abort', makeRoom, { once: true })
    outcome.then(forget, forget)
    return outcome
  }

  snapshot(): RotationSnapshot {
    const { id, credentialType, name } = this
    const life = lifeAt(this.state, this.tally, this.nowMs(), this.breaker.opensMs, this.policy)
    return { id, credentialType, name, ...life }
  }

  /** What a log or a debugger shows: the snapshot, never the value. */
  toJSON(): RotationSnapshot {
    return this.snapshot()
  }

  [inspect.custom](): RotationSnapshot {
    return this.snapshot()
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= closeRecord(this, this.#error('ERR_ROTATION_CLOSED', 'is closed'), options).finally(() =>
      this.house.closed(this),
    )
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  override wake(): void {
    for (;;) {
      const decision = decide(this.state, this.nowMs(), this.breaker.opensMs, this.policy)
      if (decision.do === 'wait' || decision.do === 'nothing') {
        this.#sleep(decision)
        return
      }
      this.#perform(decision)
    }
  }

  /** Puts off what waits, by no more than a twentieth of the TTL. */
  postpone(byMs: number): void {
    this.state = postponed(this.state, this.nowMs() + this.#bearableMs(byMs))
  }

  /** The machine may have slept: what is held is renewed soon, whatever its life says. */
  clockJumped(byMs: number): void {
    this.state = wokenUp(this.state, this.nowMs() + this.#bearableMs(byMs))
    this.wake()
  }

  #sleep(decision: Exclude<Decision<T>, Deed<T>>): void {
    if (!this.state.closed && this.breaker.state !== 'closed') this.breaker.waiting.add(this)
    if (decision.do === 'wait') this.house.scheduler.set(this, decision.untilMs)
    else this.house.scheduler.remove(this)
  }

  #perform(deed: Deed<T>): void {
    switch (deed.do) {
      case 'renew':
      case 'replace':
      case 'reauthorize':
        beginAttempt(this, deed.do, deed.cause)
        break
      case 'abort':
        giveUpAttempt(this)
        break
      case 'signal-drain':
        signalDrain(this)
        break
      case 'end-drain':
        endDrain(this, this.consumer !== undefined)
        break
      case 'revoke':
        beginRevocation(this, deed.entry)
        break
      case 'abort-revoke':
        giveUpRevocation(this, deed.entry)
        break
      case 'forget':
        forgetRetired(this, deed.entry)
        break
      case 'overdue':
      case 'expired':
        this.state = told(this.state, deed.do)
        tellLateness(this, deed.do)
        break
      default:
        deed satisfies never
    }
  }

  #ask(action: 'renew' | 'replace', cause: RotationCause): Promise<void> {
    if (this.state.closed) return Promise.reject(this.#error('ERR_ROTATION_CLOSED', 'is closed'))
    this.requests ??= new Requests()
    const outcome = this.requests.add(action === 'renew' ? 'fresh' : 'replaced')
    const underway = this.state.attempt?.action
    if (underway === 'replace' || (underway === 'renew' && action === 'renew')) {
      this.requests.attempted(underway)
      return outcome
    }
    const urgent = cause === 'request' || cause === 'parent'
    this.state = asked(this.state, { action, cause, urgent, lasting: cause !== 'request' })
    this.wake()
    return outcome
  }

  /** Only where the wait is for a drain: one that has begun since then is of the value that was asked to go. */
  #makeRoom(): void {
    if (this.state.wanted?.action !== 'replace') return
    this.state = drainHurried(this.state, this.nowMs())
    this.wake()
  }

  #live(): Holding<T> {
    const { closed, held } = this.state
    if (closed) throw this.#error('ERR_ROTATION_CLOSED', 'is closed')
    if (held === undefined) throw this.#error('ERR_ROTATION_NOT_READY', 'has no value yet')
    // Asked of the clock, not of a timer: timers run late.
    if (hasEnded(held.term, this.nowMs())) throw this.#error('ERR_ROTATION_EXPIRED', 'has ended')
    return held
  }

  #error(code: RotationErrorCode, what: string): RotationError {
    return new RotationError(code, `${this.credentialType} ${this.name} ${what}`, { cause: this.lastFailure })
  }

  #bearableMs(byMs: number): number {
    const ttlMs = this.state.held?.term.ttlMs ?? 0
    return ttlMs > 0 ? Math.min(byMs, 0.05 * ttlMs) : byMs
  }
}
