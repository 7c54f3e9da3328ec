/**
 * What must hold whatever happens: random lives, failures, slow, late and lost answers, clock jumps, stops,
 * failing probes, slow and stubborn consumers, and people who keep asking.
 */
import { type Consumer, type Rotation, Rotator, sleep } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { EventLog } from './event-log.js'
import { type Conduct, ModelServer, type Operation } from './model-server.js'

/** Schedules per property; more of them, and more time, for a long search: `PROPERTY_RUNS=2000`. */
const runs = Number(process.env.PROPERTY_RUNS ?? 60)
vi.setConfig({ testTimeout: 60_000 + 400 * runs })

const day = 86_400

/** Short lives, usual ones, and a few that exceed the limit of timers. */
const ttl = fc.oneof(
  { weight: 15, arbitrary: fc.integer({ min: 1, max: 30 }) },
  { weight: 15, arbitrary: fc.integer({ min: 31, max: 7200 }) },
  { weight: 1, arbitrary: fc.integer({ min: day, max: 60 * day }) },
)

/** A first attempt that fails in whatever way, and a number of further failures that opens no breaker. */
const stumble = fc.record({
  how: fc.constantFrom<Conduct>(
    { fail: 'unavailable' },
    { fail: 'refused' },
    { delayMs: Number.POSITIVE_INFINITY },
    { delayMs: Number.POSITIVE_INFINITY, deaf: true },
    { lose: true },
  ),
  times: fc.integer({ min: 0, max: 2 }),
})

it('a first attempt begins within 0.60 to 0.75 of each life, and a retry before 0.80 when it fails', async () => {
  const lives = fc.record({
    ttlSeconds: ttl,
    renewable: fc.boolean(),
    stumbles: fc.array(stumble, { minLength: 1, maxLength: 4 }),
    seed: fc.nat(),
  })
  await fc.assert(
    fc.asyncProperty(lives, async ({ ttlSeconds, renewable, stumbles, seed }) => {
      const clock = new FakeClock({ seed })
      const server = new ModelServer(clock, { ttlSeconds, renewable })
      const rotator = new Rotator({ clock })
      const attempt: Operation = renewable ? 'renew' : 'issue'
      let life = 0
      let tries = 0
      const begins: number[][] = []
      server.plan = (operation, call) => {
        if (operation !== attempt || (operation === 'issue' && life === 0 && tries === 0 && begins.length === 0)) {
          if (operation !== 'issue') return {}
          // The first value; or, where a renewal was due, a replacement as the last resort.
          if (begins.length > 0) life += 1
          tries = 0
          begins.push([call.atMs])
          return {}
        }
        begins.at(-1)?.push(call.atMs)
        const { how, times } = stumbles[life] ?? { how: {}, times: 0 }
        tries += 1
        if (tries <= times) return how
        life += 1
        tries = 0
        begins.push([call.atMs])
        return {}
      }
      rotator.rotate(server.source())
      await clock.advance((stumbles.length + 1) * ttlSeconds * 1000)
      const closing = rotator.close()
      await clock.advance(20_000)
      await closing
      const ttlMs = ttlSeconds * 1000
      const over = begins.slice(0, -1).filter((_, index) => index < stumbles.length)
      expect(over.length).toBeGreaterThan(0)
      over.forEach(([grantedMs = 0, first = Infinity, retry = Infinity], index) => {
        expect((first - grantedMs) / ttlMs).toBeGreaterThanOrEqual(0.6 - 1e-9)
        expect((first - grantedMs) / ttlMs).toBeLessThanOrEqual(0.75 + 1e-9)
        if ((stumbles[index]?.times ?? 0) > 0) expect((retry - grantedMs) / ttlMs).toBeLessThan(0.8)
      })
    }),
    { numRuns: runs },
  )
})

const conduct: fc.Arbitrary<Conduct> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Conduct>({}) },
  { weight: 3, arbitrary: fc.constant<Conduct>({ fail: 'unavailable' }) },
  { weight: 1, arbitrary: fc.constantFrom<Conduct>({ fail: 'gone' }, { fail: 'unauthorized' }, { fail: 'refused' }) },
  { weight: 1, arbitrary: fc.constant<Conduct>({ lose: true }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 120_000 }).map((delayMs) => ({ delayMs })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 120_000 }).map((delayMs) => ({ delayMs, deaf: true })) },
  { weight: 1, arbitrary: fc.constant<Conduct>({ delayMs: Number.POSITIVE_INFINITY }) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 100_000 })
      .map((retryAfterMs) => ({ fail: 'unavailable' as const, retryAfterMs })),
  },
)

const happening = fc.oneof(
  { weight: 6, arbitrary: fc.constant('nothing' as const) },
  { weight: 1, arbitrary: fc.constantFrom('renew-request', 'replace-request', 'replace-consumer', 'replace-parent') },
  { weight: 1, arbitrary: fc.constantFrom('wall-forward', 'wall-back', 'stall') },
)

const weather = fc.record({
  ttlSeconds: fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: 1, max: 3600 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 * day }) },
  ),
  /** In tenths of the TTL. */
  maxTtl: fc.option(fc.integer({ min: 11, max: 60 })),
  renewable: fc.boolean(),
  reauthorizes: fc.boolean(),
  conducts: fc.array(conduct, { minLength: 1, maxLength: 12 }),
  /** When the server is wholly away, and for how long: hundredths of the run. */
  outage: fc.record({ from: fc.integer({ min: 0, max: 100 }), length: fc.integer({ min: 0, max: 40 }) }),
  probes: fc.array(fc.constantFrom('good', 'bad', 'hanging'), { minLength: 1, maxLength: 6 }),
  /** In hundredths of the TTL; above 120: never, and deaf to the signal. */
  drain: fc.integer({ min: 0, max: 150 }),
  hasConsumer: fc.boolean(),
  happenings: fc.array(happening, { minLength: 1, maxLength: 20 }),
  cycles: fc.integer({ min: 1, max: 6 }),
  seed: fc.nat(),
})

type Weather = typeof weather extends fc.Arbitrary<infer W> ? W : never

/** One rotation in bad weather, watched at every step. */
class Trial {
  readonly clock: FakeClock
  readonly server: ModelServer
  readonly rotator: Rotator
  readonly rotation: Rotation<number>
  readonly condemned = new Set<number>()
  readonly inUse = new Set<number>()
  /** What must never happen, and did. Not thrown: the engine would take it for a failure of its source. */
  readonly violations = new Set<string>()
  asks = 0
  wasEmptyHanded = false

  constructor(readonly weather: Weather) {
    const { ttlSeconds, maxTtl, renewable, reauthorizes, seed, hasConsumer } = weather
    this.clock = new FakeClock({ seed })
    this.server = new ModelServer(this.clock, {
      ttlSeconds,
      renewable,
      reauthorizes,
      ...(maxTtl !== null && { maxTtlSeconds: (maxTtl * ttlSeconds) / 10 }),
    })
    this.server.plan = (operation, call) => this.#conduct(operation, call.value)
    this.rotator = new Rotator({ clock: this.clock })
    this.rotation = this.rotator.rotate(this.server.source(), hasConsumer ? { consumer: this.#consumer() } : {})
  }

  get ttlMs(): number {
    return this.weather.ttlSeconds * 1000
  }

  async run(): Promise<void> {
    const { cycles, happenings, ttlSeconds } = this.weather
    const steps = 25 * (ttlSeconds > day ? 1 : cycles)
    for (let step = 0; step < steps; step += 1) {
      await this.#happen(happenings[step % happenings.length] ?? 'nothing')
      await this.clock.advance(this.ttlMs / 20)
      this.look()
    }
  }

  /** Nothing is handed out that has ended, was revoked, or failed its probe. */
  look(): void {
    let value: number
    try {
      value = this.rotation.current()
    } catch {
      this.wasEmptyHanded = true
      return
    }
    const lease = this.server.leases.get(value)
    if (lease === undefined) this.violations.add('a value that was revoked is handed out')
    else if (lease.endsMs <= this.clock.monotonicMs()) this.violations.add('a value that has ended is handed out')
    if (this.condemned.has(value)) this.violations.add('a value whose probe failed is handed out')
  }

  #conduct(operation: Operation, value: number | undefined): Conduct {
    this.look()
    if (operation === 'revoke' && this.inUse.has(value ?? 0))
      this.violations.add('a value is revoked before it is drained')
    const { conducts, outage, cycles } = this.weather
    const hundredth = (100 * this.clock.monotonicMs()) / (this.ttlMs * cycles)
    if (hundredth >= outage.from && hundredth < outage.from + outage.length) return { fail: 'unavailable' }
    const chosen = conducts[this.server.calls.length % conducts.length] ?? {}
    // A server that refuses to revoke leaves the value alive; that is asked elsewhere.
    const refuses = chosen.fail !== undefined && chosen.fail !== 'unavailable'
    return refuses && operation === 'revoke' ? {} : chosen
  }

  #consumer(): Consumer<number> {
    const { probes, drain } = this.weather
    return {
      probe: async (next) => {
        const probe = probes[next % probes.length]
        if (probe === 'good') return
        this.condemned.add(next)
        if (probe === 'bad') throw new Error('the probe fails')
        await new Promise(() => {})
      },
      adopt: async (next, { previous, signal }) => {
        if (this.rotation.current() !== next) this.violations.add('current() and adopt() disagree')
        if (previous === undefined) return
        this.inUse.add(previous)
        signal.addEventListener('abort', () => this.inUse.delete(previous), { once: true })
        if (drain > 120) await new Promise(() => {})
        await sleep(this.clock, (drain * this.ttlMs) / 100, signal)
        this.inUse.delete(previous)
      },
    }
  }

  async #happen(what: string): Promise<void> {
    const ignore = (): void => {}
    if (what === 'renew-request') this.rotation.renewNow('request').catch(ignore)
    if (what === 'replace-consumer') this.rotation.replaceNow('consumer').catch(ignore)
    if (what === 'replace-request') this.rotation.replaceNow('request').catch(ignore)
    if (what === 'replace-parent') this.rotation.replaceNow('parent').catch(ignore)
    if (what.endsWith('request') || what.endsWith('parent')) this.asks += 1
    if (what === 'wall-forward') this.clock.stepWall(this.ttlMs)
    if (what === 'wall-back') this.clock.stepWall(-this.ttlMs)
    if (what === 'stall') await this.clock.stall(this.ttlMs / 3)
  }

  /** Closes, lets late answers come in, and ends what the model itself still waits for. */
  async close(): Promise<number> {
    this.server.plan = () => ({})
    const closing = this.rotation.close()
    await this.clock.advance(10_000)
    await closing
    const closedMs = this.clock.monotonicMs()
    await this.clock.advance(200_000 + 3 * this.ttlMs)
    return closedMs
  }

  /** When credentials were made on the server, from the first one on whose TTL the engine knows. */
  created(): number[] {
    const [firstMs = Number.POSITIVE_INFINITY] = this.server.arrivals.values()
    return [...this.server.made.values()].filter((atMs) => atMs > firstMs)
  }
}

/** Most in any window of `ms`, ends included. */
function mostWithin(times: readonly number[], ms: number): number {
  let from = 0
  return times.reduce((most, atMs, index) => {
    while ((times[from] ?? atMs) < atMs - ms) from += 1
    return Math.max(most, index - from + 1)
  }, 0)
}

function inBadWeather(check: (trial: Trial) => Promise<void>): Promise<void> {
  return fc.assert(
    fc.asyncProperty(weather, async (drawn) => {
      const trial = new Trial(drawn)
      await trial.run()
      await check(trial)
    }),
    { numRuns: runs },
  )
}

it('nothing that has ended, was revoked or failed its probe is handed out, and nothing is revoked before it is drained', async () => {
  await inBadWeather(async (trial) => {
    expect([...trial.violations]).toEqual([])
    await trial.close()
  })
})

it('there is no hot loop: attempts are bounded per minute and per TTL', async () => {
  await inBadWeather(async (trial) => {
    const { ttlSeconds } = trial.weather
    const times = trial.server.calls.filter(({ operation }) => operation !== 'revoke').map(({ atMs }) => atMs)
    const leastPauseMs = 0.1 * Math.min(30_000, Math.max(500, 50 * ttlSeconds))
    const doublings = 12
    // What follows at once after a failure (a login, a replacement) may double the count.
    const bound = (windowMs: number): number => 2 * (windowMs / leastPauseMs + doublings) + trial.asks
    expect(mostWithin(times, 60_000)).toBeLessThanOrEqual(bound(60_000))
    expect(mostWithin(times, trial.ttlMs)).toBeLessThanOrEqual(bound(trial.ttlMs))
    await trial.close()
  })
})

it('new credentials never exceed the floor rate, asked for or not', async () => {
  await inBadWeather(async (trial) => {
    const intervalMs = Math.min(0.2 * trial.ttlMs, trial.wasEmptyHanded ? 60_000 : Number.POSITIVE_INFINITY)
    const times = trial.created()
    for (const windowMs of [0, intervalMs, 5 * intervalMs, 20 * intervalMs]) {
      expect(mostWithin(times, windowMs)).toBeLessThanOrEqual(2 + windowMs / intervalMs + trial.asks + 1e-6)
    }
    await trial.close()
  })
})

it('no more than two values live at once', async () => {
  await inBadWeather(async (trial) => {
    expect(trial.server.mostAlive).toBeLessThanOrEqual(2)
    await trial.close()
  })
})

it('after close nothing that the engine was given lives on, and no timer waits', async () => {
  await inBadWeather(async (trial) => {
    const closedMs = await trial.close()
    const left = [...trial.server.leases].filter(
      ([, { arrival, knownEndsMs }]) => arrival !== 'none' && knownEndsMs > closedMs,
    )
    expect(left).toEqual([])
    expect(trial.clock.pendingTimers).toBe(0)
  })
})

it('comes back by itself once the server works again', async () => {
  await inBadWeather(async (trial) => {
    trial.server.plan = () => ({})
    trial.weather.probes.fill('good')
    await trial.clock.advance(180_000 + trial.ttlMs)
    trial.look()
    expect(() => trial.rotation.current()).not.toThrow()
    await trial.close()
  })
})

it('many rotations of one server keep within the same bounds together', async () => {
  const fleet = fc.record({
    ttls: fc.array(ttl, { minLength: 2, maxLength: 12 }),
    awayFor: fc.integer({ min: 0, max: 600 }),
    seed: fc.nat(),
  })
  await fc.assert(
    fc.asyncProperty(fleet, async ({ ttls, awayFor, seed }) => {
      using log = new EventLog()
      const clock = new FakeClock({ seed })
      const rotator = new Rotator({ clock })
      const servers = ttls.map(
        (ttlSeconds) => new ModelServer(clock, { ttlSeconds: Math.min(ttlSeconds, 7200), server: 'one' }),
      )
      const rotations = servers.map((server) => rotator.rotate(server.source()))
      await clock.advance(1_000)
      for (const server of servers) server.plan = () => ({ fail: 'unavailable' })
      await clock.advance(awayFor * 1000)
      for (const server of servers) server.plan = () => ({})
      await clock.advance(120_000)
      for (const rotation of rotations) expect(() => rotation.current()).not.toThrow()
      const closing = rotator.close()
      await clock.advance(10_000)
      await closing
      expect(servers.map((server) => server.leases.size).filter((size) => size > 0)).toEqual([])
      expect(clock.pendingTimers).toBe(0)
      expect(log.events.every(({ kind }) => kind.length > 0)).toBe(true)
    }),
    { numRuns: runs },
  )
})
