/**
 * A server in memory that issues, renews and revokes numbers, and knows at any time which of them live.
 * It fails, hangs, answers late or loses its answer as its `plan` says.
 */
import { type Attempt, type Clock, type Failure, type FailureKind, type Source, sleep } from '@chaveiro/rotation'

export type Operation = 'issue' | 'renew' | 'revoke' | 'reauthorize'

/** How one call goes. The default: done and answered at once. */
export interface Conduct {
  /** Answers with this failure, and does nothing. */
  readonly fail?: FailureKind
  readonly retryAfterMs?: number
  /** Does what was asked and then fails as a broken connection does. */
  readonly lose?: boolean
  /** Time until the answer. Infinity: never. What was asked is done on arrival. */
  readonly delayMs?: number
  /** The answer arrives also when the caller has given up. */
  readonly deaf?: boolean
}

export interface Call {
  readonly operation: Operation
  readonly value: number | undefined
  readonly atMs: number
  readonly correlationId: string
  outcome: 'pending' | 'answered' | 'failed' | 'given-up'
}

interface Lease {
  readonly issuedMs: number
  readonly latestEndMs: number
  endsMs: number
  /** The end that the engine was told of. */
  knownEndsMs: number
  /** Its answer has reached the engine: not at all, in time, or when the engine had given up. */
  arrival: 'none' | 'in-time' | 'late'
}

class ModelFailure extends Error {
  constructor(
    readonly failure: Failure,
    readonly code = 'ERR_MODEL',
  ) {
    super(`the model server fails: ${failure.kind}`)
  }
}

export interface ModelOptions {
  readonly ttlSeconds?: number
  readonly maxTtlSeconds?: number
  readonly renewable?: boolean
  readonly server?: string
  readonly name?: string
  readonly reauthorizes?: boolean
}

export class ModelServer {
  readonly calls: Call[] = []
  readonly leases = new Map<number, Lease>()
  /** When each value was made. */
  readonly made = new Map<number, number>()
  /** Values whose answer came in time, with the time at which it came. */
  readonly arrivals = new Map<number, number>()
  plan: (operation: Operation, call: Call) => Conduct = () => ({})
  ttlSeconds: number
  mostAlive = 0
  readonly #clock: Clock
  readonly #options: ModelOptions
  #issued = 0

  constructor(clock: Clock, options: ModelOptions = {}) {
    this.#clock = clock
    this.#options = options
    this.ttlSeconds = options.ttlSeconds ?? 100
  }

  /** The values that live, and that the engine can know of. */
  alive(): number[] {
    const nowMs = this.#clock.monotonicMs()
    return [...this.leases]
      .filter(([, lease]) => lease.arrival === 'in-time' && lease.knownEndsMs > nowMs)
      .map(([value]) => value)
  }

  of(operation: Operation): Call[] {
    return this.calls.filter((call) => call.operation === operation)
  }

  times(operation: Operation): number[] {
    return this.of(operation).map(({ atMs }) => atMs)
  }

  source(): Source<number> {
    const { renewable = true, server, name = 'model', reauthorizes = false } = this.#options
    return {
      credentialType: 'database',
      name,
      ...(server !== undefined && { server }),
      issue: async (attempt) => {
        const value = await this.#serve('issue', undefined, attempt, () => this.#issue())
        return { value: value.id, ttlSeconds: value.ttlSeconds, renewable }
      },
      renew: (value, attempt) =>
        this.#serve('renew', value, attempt, () => ({
          ttlSeconds: this.#renew(value, attempt.incrementSeconds),
          renewable,
        })),
      revoke: (value, attempt) => this.#serve('revoke', value, attempt, () => void this.leases.delete(value)),
      ...(reauthorizes && {
        reauthorize: (attempt: Attempt) => this.#serve('reauthorize', undefined, attempt, () => undefined),
      }),
      classify: (error) =>
        error instanceof ModelFailure ? error.failure : { kind: 'unavailable', lost: !(error instanceof Error) },
    }
  }

  async #serve<R>(operation: Operation, value: number | undefined, attempt: Attempt, act: () => R): Promise<R> {
    const { correlationId, signal } = attempt
    const call: Call = { operation, value, atMs: this.#clock.monotonicMs(), correlationId, outcome: 'pending' }
    this.calls.push(call)
    const conduct = this.plan(operation, call)
    const { fail, lose, delayMs = 0, deaf = false } = conduct
    const done = fail === undefined ? act() : undefined
    try {
      if (delayMs > 0) await this.#delay(delayMs, deaf ? undefined : signal)
      if (signal.aborted && !deaf) throw signal.reason
    } catch (error) {
      call.outcome = 'given-up'
      throw error
    }
    if (fail !== undefined || lose) {
      call.outcome = 'failed'
      const { retryAfterMs } = conduct
      throw new ModelFailure({
        kind: fail ?? 'unavailable',
        ...(lose && { lose, lost: true }),
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      })
    }
    call.outcome = signal.aborted ? 'given-up' : 'answered'
    this.#arrive(value ?? (done as { id?: number } | undefined)?.id, signal.aborted)
    this.mostAlive = Math.max(this.mostAlive, this.alive().length)
    return done as R
  }

  #arrive(value: number | undefined, late: boolean): void {
    const lease = this.leases.get(value ?? -1)
    if (lease === undefined) return
    if (lease.arrival === 'none') lease.arrival = late ? 'late' : 'in-time'
    if (!late && !this.arrivals.has(value ?? -1)) this.arrivals.set(value ?? -1, this.#clock.monotonicMs())
    if (!late) lease.knownEndsMs = lease.endsMs
  }

  #delay(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (Number.isFinite(delayMs)) return sleep(this.#clock, delayMs, signal)
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
  }

  #issue(): { id: number; ttlSeconds: number } {
    this.#issued += 1
    const nowMs = this.#clock.monotonicMs()
    const { maxTtlSeconds = Number.POSITIVE_INFINITY } = this.#options
    const ttlSeconds = Math.min(this.ttlSeconds, maxTtlSeconds)
    const endsMs = ttlSeconds === 0 ? Number.POSITIVE_INFINITY : nowMs + ttlSeconds * 1000
    const latestEndMs = nowMs + maxTtlSeconds * 1000
    this.made.set(this.#issued, nowMs)
    this.leases.set(this.#issued, { issuedMs: nowMs, latestEndMs, endsMs, knownEndsMs: endsMs, arrival: 'none' })
    return { id: this.#issued, ttlSeconds }
  }

  #renew(value: number, incrementSeconds: number): number {
    const nowMs = this.#clock.monotonicMs()
    const lease = this.leases.get(value)
    if (lease === undefined || lease.endsMs <= nowMs) throw new ModelFailure({ kind: 'gone' })
    lease.endsMs = Math.min(nowMs + incrementSeconds * 1000, lease.latestEndMs)
    return Math.max(0.001, (lease.endsMs - nowMs) / 1000)
  }
}
