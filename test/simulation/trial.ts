/**
 * One schedule, lived through: the real engine, session and client over the models, watched at every step.
 */
import { type Rotation, type RotationEvent, Rotator, rotationChannels, Secret } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { type DatabaseCredential, jwtLogin, replyLost, VaultClient, VaultSession, vaultRequest } from '@chaveiro/vault'
import { PoolModel } from './pool-model.js'
import type { Fault, FaultKind, Schedule } from './schedule.js'
import { type ModelLease, VaultModel } from './vault-model.js'

/** What one life showed. */
export interface Findings {
  /** What must never happen, and did. */
  readonly violations: readonly string[]
  /** Rare branches that were reached. */
  readonly reached: ReadonlySet<string>
  readonly queries: number
  /** From the end of the last fault until everything worked again. */
  readonly recoverySeconds: number
}

/** Within this everything works again once the last fault is over. */
const recoveryBoundSeconds = 40
const queryEveryMs = 1500
const readEveryMs = 4000
/** Calls while it refuses or is away: a burst, and then no more than so many a second. */
const outageBurst = 40
const outageCallsPerSecond: Partial<Record<FaultKind, number>> = {
  sealed: 1.5,
  down: 1.5,
  html: 1.5,
  busy: 1.5,
  restart: 1.5,
  'database-down': 8,
  'policy-taken': 8,
}
/** What a conservative clock, an answer's way and whole seconds may take from a life. */
const slackMs = 6000
/** A value that arrives too late is gone by then. */
const revokedWithinMs = 5000
/** From us to Vault, when it is slow. */
const longestWayMs = 2500
/** A drain lasts at least this share of the next credential's TTL, if the old one lives so long. */
const leastDrainShare = 0.45

/** Events go to the trial that runs; one runs at a time. */
let running: Trial | undefined
const listen = (event: unknown): void => running?.hear(event as RotationEvent)
for (const channel of [...Object.values(rotationChannels), replyLost, vaultRequest]) channel.subscribe(listen)

export async function live(schedule: Schedule): Promise<Findings> {
  const trial = new Trial(schedule)
  running = trial
  try {
    return await trial.run()
  } finally {
    running = undefined
  }
}

class Trial {
  readonly #schedule: Schedule
  readonly #clock: FakeClock
  readonly #vault: VaultModel
  readonly #pool: PoolModel
  readonly #rotator: Rotator
  readonly #client: VaultClient
  readonly #session: VaultSession
  readonly #lease: Rotation<DatabaseCredential>
  readonly #violations = new Set<string>()
  readonly #reached = new Set<string>()
  /** Our tokens and leases that we let go while closing; nothing is asked of them any more. */
  #closing = false
  #queries = 0
  #lastTroubleMs = 0
  #worksSinceMs: number | undefined
  #crowdedSinceMs: number | undefined

  constructor(schedule: Schedule) {
    this.#schedule = schedule
    const clock = new FakeClock({ seed: schedule.seed })
    this.#clock = clock
    const has = (kind: FaultKind): boolean => this.#has(kind)
    const reached = (branch: string): unknown => this.#reached.add(branch)
    this.#vault = new VaultModel({ clock, schedule, has, reached })
    this.#pool = new PoolModel(clock, {
      isDown: () => has('database-down'),
      admits: (username) => this.#vault.admits(username),
    })
    this.#rotator = new Rotator({ clock })
    this.#client = new VaultClient({ address: 'http://vault.model', clock, transport: this.#vault })
    const login = jwtLogin({ role: 'app', jwt: async () => new Secret('a-jwt-svid') })
    this.#session = VaultSession.open({ client: this.#client, login, rotator: this.#rotator })
    this.#lease = this.#session.lease(this.#session.database({ role: 'app' }), { consumer: this.#pool })
  }

  async run(): Promise<Findings> {
    this.#every(queryEveryMs, () => this.#query())
    this.#every(readEveryMs, () => this.#read())
    for (const { atSeconds, seconds } of this.#schedule.transactions) {
      this.#clock.schedule(atSeconds * 1000, () => this.#transact(seconds))
    }
    for (const { atSeconds, what } of this.#schedule.wishes)
      this.#clock.schedule(atSeconds * 1000, () => this.#wish(what))
    const faults = this.#schedule.faults.toSorted((a, b) => a.atSeconds - b.atSeconds)
    for (const fault of faults) {
      await this.#until(fault.atSeconds * 1000)
      await this.#strike(fault)
    }
    const overMs = this.#overMs(faults)
    await this.#until(overMs)
    this.#judgeOutages(faults)
    const recoverySeconds = await this.#recover(overMs)
    // A calm life after it, in which nothing may fail at all.
    await this.#until(this.#clock.monotonicMs() + this.#schedule.leaseTtlSeconds * 1000)
    await this.#close()
    this.#look()
    return {
      violations: [...this.#violations],
      reached: this.#reached,
      queries: this.#queries,
      recoverySeconds,
    }
  }

  hear(event: RotationEvent): void {
    const text = JSON.stringify(event)
    if (process.env.SIMULATION_TRACE) console.log((this.#clock.monotonicMs() / 1000).toFixed(2), text)
    if (this.#vault.secrets.some((secret) => text.includes(secret))) this.#violation('an event holds a secret')
    this.#look()
    const { kind, credentialType, step, share = 0, firstAttempt, cause } = event
    if (kind === undefined) return
    if (kind === 'truncated') this.#reached.add(`a ${credentialType} renewal was truncated`)
    if (kind === 'expired') this.#reached.add(`a ${credentialType} expired in an outage`)
    if (kind === 'orphaned') this.#reached.add('a value arrived after its attempt was given up')
    if (kind === 'drained' && event.forced) this.#reached.add('a drain was ended by force')
    if (kind === 'failed') this.#reached.add(`${credentialType} ${step} failed: ${event.failureKind}`)
    if (kind === 'replaced') this.#reached.add(`a ${credentialType} was replaced: ${cause}`)
    const tookPlace = kind === 'renewed' || kind === 'replaced' || kind === 'truncated'
    if (tookPlace && firstAttempt && share > 0.8 && this.#isCalm()) {
      this.#violation(`a first attempt at ${share.toFixed(2)} of the TTL, in calm weather`)
    }
  }

  #isCalm(): boolean {
    const ttlMs = 1000 * Math.max(this.#schedule.leaseTtlSeconds, this.#schedule.tokenTtlSeconds)
    return this.#clock.monotonicMs() - this.#lastTroubleMs > ttlMs && this.#active().length === 0
  }

  #violation(text: string): void {
    this.#violations.add(text)
  }

  #every(everyMs: number, act: () => Promise<void>): void {
    const tick = (): void => {
      if (this.#closing) return
      void act()
      this.#clock.schedule(everyMs, tick)
    }
    this.#clock.schedule(everyMs, tick)
  }

  async #until(atMs: number): Promise<void> {
    const leftMs = atMs - this.#clock.monotonicMs()
    if (leftMs > 0) await this.#clock.advance(leftMs)
    this.#look()
  }

  #active(): Fault[] {
    const seconds = this.#clock.monotonicMs() / 1000
    return this.#schedule.faults.filter(
      (fault) => seconds >= fault.atSeconds && seconds < fault.atSeconds + fault.seconds,
    )
  }

  #has(kind: FaultKind): boolean {
    const seconds = this.#clock.monotonicMs() / 1000
    return this.#schedule.faults.some((fault) => {
      if (seconds < fault.atSeconds || seconds >= fault.atSeconds + fault.seconds) return false
      if (fault.kind !== 'restart') return fault.kind === kind
      // Gone first, then up again and waiting for its key.
      return kind === (seconds < fault.atSeconds + fault.seconds / 2 ? 'down' : 'sealed')
    })
  }

  #overMs(faults: readonly Fault[]): number {
    const ends = faults.map(({ atSeconds, seconds }) => (atSeconds + seconds) * 1000)
    const happens = [...this.#schedule.transactions, ...this.#schedule.wishes].map(({ atSeconds }) => atSeconds * 1000)
    return Math.max(20_000, this.#clock.monotonicMs(), ...ends, ...happens)
  }

  async #strike(fault: Fault): Promise<void> {
    if (this.#active().length > 1) this.#reached.add('two faults at once')
    const endsMs = Math.max(this.#clock.monotonicMs(), (fault.atSeconds + fault.seconds) * 1000)
    this.#lastTroubleMs = Math.max(this.#lastTroubleMs, endsMs)
    const { kind, seconds } = fault
    if (kind === 'token-revoked') {
      for (const token of this.#vault.tokens) if (this.#vault.isAlive(token)) this.#vault.endToken(token, 'fault')
    } else if (kind === 'lease-revoked') {
      for (const lease of this.#vault.leases) this.#vault.endLease(lease, 'fault')
    } else if (kind === 'wall-step') this.#clock.stepWall((seconds % 2 === 0 ? -1 : 1) * seconds * 60_000)
    else if (kind === 'stall') {
      await this.#clock.stall(seconds * 1000)
      this.#lastTroubleMs = Math.max(this.#lastTroubleMs, this.#clock.monotonicMs())
    }
  }

  #held(): ModelLease | undefined {
    try {
      return this.#vault.lease(this.#lease.current().leaseId)
    } catch {
      return undefined
    }
  }

  /** Nothing is handed out that has ended or that we ended ourselves, and never are three lives held. */
  #look(): void {
    this.#vault.expire()
    const held = this.#held()
    const nowMs = this.#clock.monotonicMs()
    if (held !== undefined) {
      if (held.endedBy === 'ours') this.#violation('a revoked credential is handed out')
      if (held.endedBy === 'ours-with-token' && (held.endedMs ?? 0) < nowMs) this.#judgeUprooted(held)
      if (held.endedBy === undefined && held.endsMs <= nowMs) this.#violation('an expired credential is handed out')
      if (held.endedBy === 'token-expiry') this.#reached.add('a lease died with a token that expired')
    }
    // We count a life from before it was asked for, and know nothing of a renewal whose answer was lost.
    const alive = this.#vault.leases.filter(
      (lease) =>
        lease.known &&
        this.#vault.isAlive(lease) &&
        lease.knownEndsMs > nowMs + longestWayMs &&
        // One that nobody wanted any more when it arrived is revoked at once.
        (this.#pool.adopted.has(lease.username) || nowMs - lease.issuedMs > revokedWithinMs),
    )
    // A revocation may be on its way.
    this.#crowdedSinceMs = alive.length > 2 ? (this.#crowdedSinceMs ?? nowMs) : undefined
    if (nowMs - (this.#crowdedSinceMs ?? nowMs) > longestWayMs) this.#violation('three known credentials live at once')
    for (const lease of this.#vault.leases) {
      if (lease.endedBy === 'ours' && lease.endedMs === nowMs && !this.#closing && this.#pool.isInUse(lease.username)) {
        this.#violation('a credential is revoked while a transaction uses it')
      }
    }
  }

  /** A token that we revoked takes leases with it; those in use must have been issued anew before, if that could be. */
  #judgeUprooted({ token }: ModelLease): void {
    this.#reached.add('a token was revoked before its leases were issued anew')
    if (token.knownEndsMs - (token.endedMs ?? 0) > slackMs) this.#violation('a lease in use is revoked with its token')
  }

  async #query(): Promise<void> {
    this.#queries += 1
    if (this.#has('database-down')) return this.#failed()
    const known = this.#usable()
    let credential: DatabaseCredential
    try {
      credential = this.#lease.current()
    } catch {
      if (known !== undefined) this.#violation('no credential although a valid one was in use')
      return this.#failed()
    }
    if (this.#vault.admits(credential.username)) return this.#worked()
    this.#reached.add('the database refused a credential')
    const lease = this.#vault.lease(credential.leaseId)
    if (lease?.endedBy === 'ours' || lease?.endedBy === undefined)
      this.#violation('a query was refused for our own doing')
    this.#failed()
    await this.#lease.replaceNow('gone').catch(() => undefined)
  }

  /** A lease that is in use and has a good part of its life before it. */
  #usable(): ModelLease | undefined {
    const nowMs = this.#clock.monotonicMs()
    return this.#vault.leases.find(
      (lease) =>
        lease.known &&
        this.#pool.adopted.has(lease.username) &&
        this.#vault.isAlive(lease) &&
        lease.knownEndsMs - nowMs > slackMs,
    )
  }

  #worked(): void {
    this.#worksSinceMs ??= this.#clock.monotonicMs()
  }

  #failed(): void {
    if (this.#isCalm() && this.#worksSinceMs !== undefined && this.#recovered)
      this.#violation('a query failed in calm weather')
    this.#worksSinceMs = undefined
  }

  #recovered = false

  async #read(): Promise<void> {
    const startedMs = this.#clock.monotonicMs()
    try {
      await this.#session.kv().read('app')
    } catch {
      const calm = this.#recovered && startedMs > this.#lastTroubleMs
      if (calm && !this.#closing) this.#violation('a KV read failed after the recovery')
    }
  }

  async #transact(seconds: number): Promise<void> {
    const lease = this.#held()
    if (lease === undefined || !this.#vault.admits(lease.username)) return
    const before = this.#pool.cuts.length
    await this.#pool.transact(lease.username, seconds)
    const cut = this.#pool.cuts.slice(before).find(({ username }) => username === lease.username)
    if (cut === undefined) {
      this.#reached.add('a transaction ended by itself')
      return
    }
    this.#reached.add('a transaction was cut at the end of its credential')
    // It lives no longer than its token.
    const endsMs = Math.min(lease.knownEndsMs, lease.token.knownEndsMs)
    if (this.#closing || lease.endedBy !== undefined || endsMs - cut.atMs <= slackMs) return
    // The drain makes room before the next credential may itself have to be replaced.
    const swappedMs = Math.max(...[...this.#pool.adopted.values()].filter((atMs) => atMs <= cut.atMs))
    if (cut.atMs - swappedMs < leastDrainShare * this.#schedule.leaseTtlSeconds * 1000) {
      this.#violation('a transaction was cut while its credential had life left')
    }
  }

  async #wish(what: 'renew' | 'replace' | 'renew-token'): Promise<void> {
    if (what === 'renew') await this.#lease.renewNow('request').catch(() => undefined)
    else if (what === 'replace') await this.#lease.replaceNow('request').catch(() => undefined)
    else await this.#session.token.renewNow('request').catch(() => undefined)
  }

  /** Vault is not hammered while it is away, and no more credentials are made than the floor allows. */
  #judgeOutages(faults: readonly Fault[]): void {
    for (const { kind, atSeconds, seconds } of faults) {
      const perSecond = outageCallsPerSecond[kind]
      if (perSecond === undefined) continue
      const calls = this.#vault.calls.filter(
        ({ path, atMs }) =>
          !path.startsWith('secret/') && atMs >= atSeconds * 1000 && atMs < (atSeconds + seconds) * 1000,
      )
      if (calls.length > outageBurst + seconds * perSecond) {
        this.#violation(`${calls.length} calls while ${kind}, for ${seconds} s`)
      }
    }
  }

  async #recover(overMs: number): Promise<number> {
    while (this.#clock.monotonicMs() < overMs + recoveryBoundSeconds * 1000) {
      const sinceMs = this.#worksSinceMs
      if (sinceMs !== undefined && this.#clock.monotonicMs() - sinceMs > 2 * queryEveryMs && this.#isSettled()) {
        this.#recovered = true
        return Math.max(0, (sinceMs - overMs) / 1000)
      }
      await this.#until(this.#clock.monotonicMs() + 1000)
    }
    this.#violation(`not recovered ${recoveryBoundSeconds} s after the last fault`)
    return recoveryBoundSeconds
  }

  #isSettled(): boolean {
    const rotations: Rotation<unknown>[] = [this.#session.token, this.#lease]
    const isTroubled = rotations.some((rotation) => {
      const { consecutiveFailures, remainingSeconds = 0, ttlSeconds = 0 } = rotation.snapshot()
      // A wish that failed early in a life is not tried again before its time.
      return consecutiveFailures > 0 && remainingSeconds < 0.45 * ttlSeconds
    })
    if (isTroubled) return false
    try {
      const id = this.#session.token.current().token.expose()
      return this.#vault.tokens.some((token) => token.id === id && this.#vault.isAlive(token))
    } catch {
      return false
    }
  }

  async #close(): Promise<void> {
    const made = this.#vault.leases.length
    const seconds = this.#clock.monotonicMs() / 1000
    // By the floor rate, one after each lost answer, one for each token and each wish.
    const most =
      seconds / (0.2 * this.#schedule.leaseTtlSeconds) +
      2 +
      this.#vault.lostIssues +
      this.#vault.tokens.length +
      this.#schedule.wishes.length
    if (made > most) this.#violation(`${made} credentials in ${seconds} s`)
    this.#closing = true
    const closing = this.#session.close().then(() => this.#rotator.close())
    await this.#clock.advance(12_000)
    await closing
    await this.#client.close()
    const orphans = this.#vault.leases.filter((lease) => this.#vault.isAlive(lease))
    const kept = orphans.filter((lease) => lease.known)
    if (kept.length > 0) this.#violation('close leaves a credential behind')
    if (this.#vault.tokens.some((token) => token.known && this.#vault.isAlive(token))) {
      this.#violation('close leaves a token behind')
    }
    // What transactions still wait for ends by itself.
    await this.#clock.advance(80_000)
    if (this.#clock.pendingTimers > 0) this.#violation(`${this.#clock.pendingTimers} timers left`)
    if (this.#queries < 10) this.#violation('too few queries to prove anything')
  }
}
