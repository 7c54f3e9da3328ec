import { type Consumer, type Handover, RotationError, Rotator, Secret, type Source } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EventLog } from './event-log.js'
import { type ModelOptions, ModelServer } from './model-server.js'

let clock: FakeClock
let rotator: Rotator
let log: EventLog

beforeEach(() => {
  clock = new FakeClock()
  rotator = new Rotator({ clock })
  log = new EventLog()
})

afterEach(async () => {
  log[Symbol.dispose]()
  const closing = rotator.close()
  await clock.advance(60_000)
  await closing
  expect(clock.pendingTimers).toBe(0)
})

function model(options: ModelOptions = {}): ModelServer {
  return new ModelServer(clock, options)
}

/** A consumer that drains when told to. */
class ManualConsumer implements Consumer<number> {
  readonly adopted: number[] = []
  readonly handovers: Handover<number>[] = []
  readonly #ends: (() => void)[] = []

  adopt(next: number, handover: Handover<number>): Promise<void> {
    this.adopted.push(next)
    this.handovers.push(handover)
    return new Promise((resolve) => this.#ends.push(resolve))
  }

  drained(): void {
    for (const end of this.#ends.splice(0)) end()
  }
}

describe('the first value', () => {
  it('is served as soon as the source has issued it', async () => {
    const rotation = rotator.rotate(model().source())
    expect(() => rotation.current()).toThrowError(expect.objectContaining({ code: 'ERR_ROTATION_NOT_READY' }))
    expect(rotation.snapshot()).toMatchObject({ state: 'starting', ttlSeconds: undefined, renewals: 0 })
    expect(await rotation.ready()).toBe(1)
    expect(rotation.current()).toBe(1)
    expect(rotation.snapshot()).toMatchObject({ state: 'live', ttlSeconds: 100, remainingSeconds: 100 })
    expect(log.kinds()).toEqual(['issued', 'scheduled'])
  })

  it('is tried again with a pause that grows, and the last failure is told to who asks', async () => {
    const server = model()
    server.plan = () => ({ fail: 'unavailable' })
    const rotation = rotator.rotate(server.source())
    const stop = new AbortController()
    const ready = rotation.ready(stop.signal)
    await clock.advance(60_000)
    const calls = server.times('issue')
    expect(calls.length).toBeGreaterThan(3)
    expect(calls.length).toBeLessThan(25)
    stop.abort()
    await expect(ready).rejects.toMatchObject({ code: 'ERR_ROTATION_NOT_READY', cause: { code: 'ERR_MODEL' } })
    server.plan = () => ({})
    const late = rotation.ready()
    await clock.advance(30_000)
    expect(await late).toBe(1)
  })

  it('is probed before anyone is given it, and revoked when the probe fails', async () => {
    const server = model()
    const probed: number[] = []
    const consumer: Consumer<number> = {
      probe: async (next) => {
        probed.push(next)
        if (next === 1) throw new Error('cannot log in')
      },
      adopt: async () => {},
    }
    const rotation = rotator.rotate(server.source(), { consumer })
    const ready = rotation.ready()
    await clock.advance(30_000)
    expect(await ready).toBe(2)
    expect(probed).toEqual([1, 2])
    expect(server.alive()).toEqual([2])
    expect(log.of('failed')[0]).toMatchObject({ step: 'probe', failureKind: 'unavailable' })
  })

  it('never throws from rotate for a source that throws at once', async () => {
    const source: Source<number> = {
      credentialType: 'kv',
      name: 'broken',
      issue: () => {
        throw new Error('at once')
      },
    }
    const rotation = rotator.rotate(source)
    await clock.advance(10)
    expect(rotation.snapshot()).toMatchObject({ state: 'starting', consecutiveFailures: 1 })
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('with a TTL of %s is refused and revoked', async (ttlSeconds) => {
    const revoked: number[] = []
    const rotation = rotator.rotate<number>({
      credentialType: 'kv',
      name: 'strange',
      issue: async () => ({ value: 7, ttlSeconds, renewable: false }),
      revoke: async (value) => void revoked.push(value),
    })
    await clock.advance(10)
    expect(revoked).toEqual([7])
    expect(() => rotation.current()).toThrowError(
      expect.objectContaining({ cause: expect.objectContaining({ code: 'ERR_ROTATION_BAD_GRANT' }) }),
    )
  })
})

describe('renewal', () => {
  it('is first attempted within 0.60 to 0.75 of the TTL, at a point of its own for each grant', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await clock.advance(20 * 100_000)
    const times = [0, ...server.times('renew')]
    const shares = times.slice(1).map((atMs, index) => (atMs - (times[index] ?? 0)) / 100_000)
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.6)
    expect(Math.max(...shares)).toBeLessThanOrEqual(0.75)
    expect(new Set(shares.map((share) => share.toFixed(3))).size).toBeGreaterThan(15)
    expect(rotation.snapshot().latestFirstAttemptShare).toBeCloseTo(Math.max(...shares), 9)
    expect(rotation.snapshot()).toMatchObject({ replacements: 0, failures: 0, overdue: false })
  })

  it('counts a TTL from before the request was sent', async () => {
    const server = model()
    server.plan = () => ({ delayMs: 10_000 })
    const rotation = rotator.rotate(server.source())
    await clock.advance(10_000)
    expect(rotation.snapshot().remainingSeconds).toBe(90)
    server.plan = () => ({})
    await clock.advance(66_000)
    expect(server.times('renew')[0]).toBeLessThanOrEqual(75_000)
  })

  it('believes a source that says when the TTL began, but no time to come', async () => {
    const issue = async () => ({ value: 1, ttlSeconds: 100, renewable: false, countsFromMs: -40_000 })
    const earlier = rotator.rotate<number>({ credentialType: 'kv', name: 'cached', issue })
    await earlier.ready()
    expect(earlier.snapshot().remainingSeconds).toBe(60)
    const ahead = async () => ({ value: 1, ttlSeconds: 100, renewable: false, countsFromMs: 40_000 })
    const later = rotator.rotate<number>({ credentialType: 'kv', name: 'ahead', issue: ahead })
    await later.ready()
    expect(later.snapshot().remainingSeconds).toBe(100)
  })

  it.each([1, 5, 20, 100, 86_400])(
    'with a TTL of %s s is retried before 0.80 although the first attempt hangs',
    async (ttl) => {
      const server = model({ ttlSeconds: ttl })
      server.plan = (operation) =>
        operation === 'renew' && server.of('renew').length === 1 ? { delayMs: Infinity } : {}
      const rotation = rotator.rotate(server.source())
      await clock.advance(ttl * 850)
      const [first, second] = server.times('renew')
      expect(first).toBeLessThanOrEqual(0.75 * ttl * 1000)
      expect(second).toBeGreaterThan(first ?? 0)
      expect(second).toBeLessThan(0.8 * ttl * 1000)
      expect(rotation.current()).toBe(1)
      expect(log.of('failed')[0]).toMatchObject({
        errorCode: 'ERR_ROTATION_TIMEOUT',
        step: 'renew',
        firstAttempt: true,
      })
    },
  )

  it('keeps the value while the server is away, tells that it is overdue, and comes back by itself', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    server.plan = () => ({ fail: 'unavailable' })
    await clock.advance(85_000)
    expect(rotation.current()).toBe(1)
    expect(rotation.snapshot()).toMatchObject({ overdue: true, state: 'live' })
    await clock.advance(14_999)
    expect(rotation.current()).toBe(1)
    await clock.advance(1)
    expect(() => rotation.current()).toThrowError(
      expect.objectContaining({ code: 'ERR_ROTATION_EXPIRED', cause: expect.objectContaining({ code: 'ERR_MODEL' }) }),
    )
    await clock.advance(300_000)
    expect(rotation.snapshot()).toMatchObject({ state: 'expired', remainingSeconds: 0, overdue: true })
    expect(log.of('overdue')).toHaveLength(1)
    expect(log.of('expired')).toHaveLength(1)
    server.plan = () => ({})
    const ready = rotation.ready()
    await clock.advance(10_000)
    expect(await ready).toBe(2)
    expect(rotation.snapshot()).toMatchObject({ overdue: false, consecutiveFailures: 0 })
  })

  it('never hands out an expired value, although no timer has run', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    const stalled = clock.stall(100_000)
    expect(() => rotation.current()).toThrowError(expect.objectContaining({ code: 'ERR_ROTATION_EXPIRED' }))
    await stalled
  })

  it('that comes back short is followed by a replacement at once: swap, drain, revoke', async () => {
    const server = model({ maxTtlSeconds: 150 })
    const consumer = new ManualConsumer()
    const rotation = rotator.rotate(server.source(), { consumer })
    await clock.advance(76_000)
    expect(rotation.current()).toBe(2)
    expect(consumer.adopted).toEqual([1, 2])
    expect(consumer.handovers[1]?.previous).toBe(1)
    expect(rotation.snapshot().state).toBe('draining')
    expect(server.alive()).toEqual([1, 2])
    consumer.drained()
    await clock.advance(0)
    expect(server.alive()).toEqual([2])
    expect(log.kinds().filter((kind) => kind !== 'scheduled')).toEqual([
      'issued',
      'truncated',
      'replaced',
      'drained',
      'revoked',
    ])
    expect(rotation.snapshot()).toMatchObject({ renewals: 1, replacements: 1, state: 'live' })
  })

  it('that twice does not move the end is truncated, also when it grants more than was asked', async () => {
    let issued = 0
    rotator.rotate<number>({
      credentialType: 'kv',
      name: 'still',
      issue: async () => ({ value: ++issued, ttlSeconds: 10, renewable: true }),
      renew: async () => ({ ttlSeconds: 300 - clock.monotonicMs() / 1000, renewable: true }),
    })
    await clock.advance(290_000)
    const told = log.events.filter(({ kind }) => kind === 'renewed' || kind === 'truncated')
    expect(told.slice(0, 3).map(({ kind }) => kind)).toEqual(['renewed', 'renewed', 'truncated'])
    expect(told[2]?.ttlSeconds).toBeGreaterThan(9)
    expect(issued).toBe(2)
  })

  it('whose answer is read past its deadline, and closes the breaker, loses no value', async () => {
    const server = model({ ttlSeconds: 1000 })
    server.plan = () => ({ fail: 'unavailable' })
    const rotation = rotator.rotate(server.source())
    await clock.advance(20_000)
    server.plan = (operation) => (operation === 'issue' ? { delayMs: 2_000 } : {})
    const before = server.of('issue').length
    while (server.of('issue').length === before) await clock.advance(100)
    await clock.stall(40_000)
    server.plan = () => ({})
    await clock.advance(60_000)
    expect(server.alive()).toEqual([rotation.current()])
  })

  it('that grants 0 seconds, since less than one is left, does not make a value endless', async () => {
    let issued = 0
    const rotation = rotator.rotate<number>({
      credentialType: 'database',
      name: 'nearly over',
      issue: async () => ({ value: ++issued, ttlSeconds: 10, renewable: true }),
      renew: async () => ({ ttlSeconds: 0, renewable: true }),
    })
    await clock.advance(7_600)
    expect(rotation.current()).toBe(2)
    expect(rotation.snapshot()).toMatchObject({ ttlSeconds: 10 })
    expect(log.kinds()).toContain('truncated')
  })

  it('of a value that cannot be renewed is a replacement in the window', async () => {
    const server = model({ renewable: false })
    const rotation = rotator.rotate(server.source())
    await clock.advance(76_000)
    expect(rotation.current()).toBe(2)
    expect(server.of('renew')).toHaveLength(0)
    expect(server.times('issue')[1]).toBeGreaterThanOrEqual(60_000)
    expect(server.times('issue')[1]).toBeLessThanOrEqual(75_000)
  })

  it('that always fails ends in a replacement before the value has ended', async () => {
    const server = model()
    server.plan = (operation) => (operation === 'renew' ? { fail: 'unavailable' } : {})
    const rotation = rotator.rotate(server.source())
    for (let second = 0; second < 2000; second += 1) {
      await clock.advance(1000)
      expect(() => rotation.current()).not.toThrow()
    }
    expect(log.of('expired')).toHaveLength(0)
    // One in 0.9 of a TTL, not one per retry.
    expect(server.of('issue').length).toBeLessThanOrEqual(2000 / 90 + 1)
  })
})

describe('a failure is read', () => {
  it('gone: replaced at once', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    server.leases.clear()
    await clock.advance(76_000)
    expect(rotation.current()).toBe(2)
    expect(log.of('replaced')[0]).toMatchObject({ cause: 'gone' })
    expect(server.times('issue')[1]).toBe(server.times('renew')[0])
  })

  it('unauthorized: one login, then a replacement', async () => {
    const server = model({ reauthorizes: true })
    server.plan = (operation) => (operation === 'renew' ? { fail: 'unauthorized' } : {})
    const rotation = rotator.rotate(server.source())
    await clock.advance(76_000)
    expect(rotation.current()).toBe(2)
    expect(server.of('reauthorize')).toHaveLength(1)
    expect(server.of('renew')).toHaveLength(1)
    expect(log.of('replaced')[0]).toMatchObject({ cause: 'unauthorized' })
  })

  it('a refused policy that is given back ends the refusals, with a value in hand too', async () => {
    const server = model({ reauthorizes: true })
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    server.plan = (operation) => (operation === 'revoke' ? {} : { fail: 'unauthorized' })
    await clock.advance(85_000)
    server.plan = (operation) => (operation === 'reauthorize' ? { fail: 'unauthorized' } : {})
    await clock.advance(10_000)
    expect(rotation.current()).toBe(2)
  })

  it('unauthorized without a login to ask for: replaced', async () => {
    const server = model()
    server.plan = (operation) => (operation === 'renew' ? { fail: 'unauthorized' } : {})
    const rotation = rotator.rotate(server.source())
    await clock.advance(76_000)
    expect(rotation.current()).toBe(2)
  })

  it('unauthorized again and again: logins at the slowest pace', async () => {
    const server = model({ reauthorizes: true })
    server.plan = (operation) => (operation === 'reauthorize' ? {} : { fail: 'unauthorized' })
    rotator.rotate(server.source())
    await clock.advance(600_000)
    expect(server.of('reauthorize').length).toBeLessThan(40)
    expect(server.of('reauthorize').length).toBeGreaterThan(5)
  })

  it('refused: one retry before 0.80, then slowly', async () => {
    const server = model({ ttlSeconds: 3600 })
    server.plan = (operation) => (operation === 'renew' ? { fail: 'refused' } : {})
    rotator.rotate(server.source())
    await clock.advance(0.89 * 3_600_000)
    const times = server.times('renew')
    expect(times[1]).toBeLessThan(0.8 * 3_600_000)
    // A ceiling of 180 s: few.
    expect(times.length).toBeLessThan(20)
  })

  it('Retry-After is honoured, also where 0.80 passes meanwhile', async () => {
    const server = model()
    server.plan = (operation) => (operation === 'renew' ? { fail: 'unavailable', retryAfterMs: 15_000 } : {})
    rotator.rotate(server.source())
    await clock.advance(99_000)
    const times = server.times('renew')
    expect(times.length).toBeGreaterThan(1)
    const pauses = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0))
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(15_000)
  })

  it('pauses no more than a hot loop would need, whatever the draws', async () => {
    const server = model({ ttlSeconds: 20 })
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    server.plan = () => ({ fail: 'unavailable' })
    await clock.advance(600_000)
    expect(server.calls.length).toBeLessThan(600)
  })
})

describe('the floor rate', () => {
  it('holds when every probe fails', async () => {
    const server = model({ renewable: false })
    let bad = false
    const consumer: Consumer<number> = {
      probe: async () => {
        if (bad) throw new Error('cannot log in')
      },
      adopt: async () => {},
    }
    const rotation = rotator.rotate(server.source(), { consumer })
    await rotation.ready()
    bad = true
    await clock.advance(1_000_000)
    // One per 0.2 of 100 s, and one more.
    expect(server.of('issue').length).toBeLessThanOrEqual(1_000_000 / 20_000 + 2)
    expect(server.of('issue').length).toBeGreaterThan(20)
    expect(server.mostAlive).toBeLessThanOrEqual(2)
  })

  it('holds when every answer is lost', async () => {
    const server = model({ renewable: false })
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    server.plan = (operation) => (operation === 'issue' ? { lose: true } : {})
    await clock.advance(1_000_000)
    expect(server.of('issue').length).toBeLessThanOrEqual(1_000_000 / 20_000 + 2)
    server.plan = () => ({})
    await clock.advance(60_000)
    expect(rotation.snapshot().state).toBe('live')
  })

  it('holds when a consumer keeps asking, and a person is served above it', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    for (let asks = 0; asks < 50; asks += 1) {
      void rotation.replaceNow('consumer')
      await clock.advance(1000)
    }
    expect(server.of('issue').length).toBeLessThanOrEqual(4)
    await clock.advance(16_000)
    const issued = server.of('issue').length
    await rotation.replaceNow('request')
    expect(server.of('issue')).toHaveLength(issued + 1)
  })
})

describe('the hand-over', () => {
  it('changes current() at the moment adopt is called', async () => {
    const server = model()
    const seen: number[] = []
    const rotation = rotator.rotate(server.source(), {
      consumer: { adopt: async (next) => void seen.push(next, rotation.current()) },
    })
    await rotation.ready()
    await rotation.replaceNow('request')
    expect(seen).toEqual([1, 1, 2, 2])
  })

  it('never lets three values live: a replacement waits for the drain', async () => {
    const server = model()
    const consumer = new ManualConsumer()
    const rotation = rotator.rotate(server.source(), { consumer })
    await rotation.ready()
    const first = rotation.replaceNow('request')
    await clock.advance(0)
    consumer.drained()
    await first
    const second = rotation.replaceNow('request')
    await clock.advance(0)
    const third = rotation.replaceNow('request')
    await clock.advance(10_000)
    expect(server.of('issue')).toHaveLength(3)
    consumer.drained()
    await clock.advance(0)
    await second
    consumer.drained()
    await clock.advance(0)
    await third
    expect(server.mostAlive).toBe(2)
  })

  it('signals before the previous value ends, and revokes it although the consumer never ends', async () => {
    const server = model({ maxTtlSeconds: 120 })
    const consumer = new ManualConsumer()
    rotator.rotate(server.source(), { consumer })
    await clock.advance(76_000)
    const { signal } = consumer.handovers[1] ?? { signal: AbortSignal.abort() }
    expect(signal.aborted).toBe(false)
    await clock.advance(120_000 - 76_000 - 5_001)
    expect(server.alive()).toContain(1)
    await clock.advance(5_002)
    expect(signal.aborted).toBe(true)
    expect(server.alive()).not.toContain(1)
    expect(log.of('drained')[0]).toMatchObject({ forced: true })
  })

  it('is bounded by the drain bound that was configured', async () => {
    const server = model({ ttlSeconds: 0 })
    const consumer = new ManualConsumer()
    const rotation = rotator.rotate(server.source(), { consumer, policy: { drainMaxMs: 2_000 } })
    await rotation.ready()
    const replaced = rotation.replaceNow('request')
    await clock.advance(1_999)
    expect(consumer.handovers[1]?.signal.aborted).toBe(false)
    await clock.advance(1)
    expect(consumer.handovers[1]?.signal.aborted).toBe(true)
    await clock.advance(5_000)
    await replaced
    expect(server.alive()).toEqual([2])
  })

  it('keeps the previous value to the end of its drain when adopt fails', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source(), {
      consumer: {
        adopt: async (_, { previous }) => {
          if (previous !== undefined) throw new Error('pool broken')
        },
      },
      policy: { drainMaxMs: 3_000 },
    })
    await rotation.ready()
    await expect(rotation.replaceNow('request')).rejects.toThrowError('pool broken')
    expect(rotation.current()).toBe(2)
    expect(server.alive()).toEqual([1, 2])
    await clock.advance(8_000)
    expect(server.alive()).toEqual([2])
    expect(log.of('failed')[0]).toMatchObject({ step: 'adopt' })
  })

  it('without a consumer lets the previous value live on for what is in flight', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    await rotation.replaceNow('request')
    expect(server.alive()).toEqual([1, 2])
    await clock.advance(5_000)
    expect(server.alive()).toEqual([2])
  })

  it('revokes the previous value as soon as the server is back', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    await rotation.replaceNow('request')
    server.plan = (operation) => (operation === 'revoke' ? { fail: 'unavailable' } : {})
    await clock.advance(40_000)
    expect(server.alive()).toEqual([1, 2])
    server.plan = () => ({})
    await clock.advance(15_000)
    expect(server.alive()).toEqual([2])
  })

  it('gives up a revocation that is refused, and says so', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    server.plan = (operation) => (operation === 'revoke' ? { fail: 'refused' } : {})
    await rotation.replaceNow('request')
    await clock.advance(59_000)
    expect(server.of('revoke')).toHaveLength(5)
    expect(log.of('failed').at(-1)).toMatchObject({ step: 'revoke', abandoned: true, failureKind: 'refused' })
  })
})

describe('special lives', () => {
  it('TTL 0 never ends and is never renewed', async () => {
    const server = model({ ttlSeconds: 0 })
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    await clock.advance(1e10)
    expect(rotation.current()).toBe(1)
    expect(rotation.snapshot()).toMatchObject({
      ttlSeconds: 0,
      remainingSeconds: undefined,
      nextAttemptInSeconds: undefined,
    })
    expect(server.calls).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it.each([1, 2, 29])('a TTL of %s s is kept fresh for long', async (ttlSeconds) => {
    const server = model({ ttlSeconds })
    const rotation = rotator.rotate(server.source())
    await clock.advance(ttlSeconds * 100_000)
    expect(rotation.current()).toBe(1)
    expect(log.of('overdue')).toHaveLength(0)
    expect(server.of('renew').length).toBeLessThanOrEqual(100 / 0.6)
  })

  it('a TTL of 60 days, above the limit of timers, is renewed at its time and no earlier', async () => {
    const server = model({ ttlSeconds: 60 * 86_400 })
    rotator.rotate(server.source())
    await clock.advance(0.6 * 60 * 86_400_000 - 1)
    expect(server.of('renew')).toHaveLength(0)
    await clock.advance(0.15 * 60 * 86_400_000 + 1)
    expect(server.of('renew')).toHaveLength(1)
  })

  it('a TTL shorter than the drain of what it replaced leaves no gap', async () => {
    const server = model({ ttlSeconds: 86_400, renewable: false })
    const consumer = new ManualConsumer()
    const rotation = rotator.rotate(server.source(), { consumer })
    await rotation.ready()
    server.ttlSeconds = 10
    void rotation.replaceNow('request')
    for (let seconds = 0; seconds < 60; seconds += 1) {
      await clock.advance(1000)
      expect(() => rotation.current()).not.toThrow()
    }
    expect(server.mostAlive).toBe(2)
  })
})

describe('asked to', () => {
  it('renews once for many askers', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    await Promise.all(Array.from({ length: 50 }, () => rotation.renewNow('request')))
    expect(server.of('renew')).toHaveLength(1)
  })

  it('renews no more than twenty times per TTL for a consumer that never stops asking', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    for (let asks = 0; asks < 1000; asks += 1) {
      rotation.renewNow('consumer').catch(() => undefined)
      await clock.advance(100)
    }
    expect(server.of('renew').length).toBeLessThanOrEqual(20)
    expect(server.of('renew').length).toBeGreaterThan(10)
  })

  it('replaces once for many askers', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    await Promise.all(Array.from({ length: 50 }, () => rotation.replaceNow('request')))
    expect(server.of('issue')).toHaveLength(2)
  })

  it('tells the failure to who asked, and goes on as before', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    server.plan = () => ({ fail: 'unavailable' })
    await expect(rotation.renewNow('request')).rejects.toMatchObject({ code: 'ERR_MODEL' })
    expect(rotation.current()).toBe(1)
    await clock.advance(50_000)
    expect(server.of('renew')).toHaveLength(1)
  })

  it('waits through a login for the outcome', async () => {
    const server = model({ reauthorizes: true })
    server.plan = (operation) => (operation === 'renew' ? { fail: 'unauthorized' } : {})
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    await rotation.renewNow('request')
    expect(rotation.current()).toBe(2)
  })

  it('by its parent gives up what was asked for under the old one', async () => {
    const server = model()
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    server.plan = (operation) => (operation === 'issue' ? { delayMs: 5_000, deaf: true } : {})
    const old = rotation.replaceNow('request')
    await clock.advance(1_000)
    server.plan = () => ({})
    await rotation.replaceNow('parent')
    await old
    expect(rotation.current()).toBe(3)
    await clock.advance(10_000)
    expect(server.alive()).toEqual([3])
    expect(log.of('orphaned')).toHaveLength(1)
  })

  it('by its parent waits for an earlier drain, and ends that when the parent itself is at its end', async () => {
    const server = model()
    const consumer = new ManualConsumer()
    const rotation = rotator.rotate(server.source(), { consumer })
    await rotation.ready()
    void rotation.replaceNow('request')
    await clock.advance(0)
    const deadline = new AbortController()
    const replaced = rotation.replaceNow('parent', { deadline: deadline.signal })
    await clock.advance(5_000)
    expect(rotation.current()).toBe(2)
    expect(consumer.handovers.at(-1)?.signal.aborted).toBe(false)
    deadline.abort()
    expect(consumer.handovers.at(-1)?.signal.aborted).toBe(true)
    consumer.drained()
    await clock.advance(0)
    expect(rotation.current()).toBe(3)
    consumer.drained()
    await replaced
  })

  it('by its parent does not wait for the login that the parent has just made', async () => {
    const server = model({ reauthorizes: true })
    server.plan = (operation) =>
      operation === 'renew' ? { fail: 'unauthorized' } : operation === 'reauthorize' ? { delayMs: Infinity } : {}
    const rotation = rotator.rotate(server.source())
    await rotation.ready()
    const renewed = rotation.renewNow('request')
    await clock.advance(0)
    await rotation.replaceNow('parent')
    await renewed
    expect(rotation.current()).toBe(2)
  })
})

describe('changes()', () => {
  it('yields the live value and each that follows, and ends with the rotation', async () => {
    const rotation = rotator.rotate(model().source())
    const seen: number[] = []
    const reading = (async () => {
      for await (const value of rotation.changes()) seen.push(value)
    })()
    await rotation.ready()
    await rotation.replaceNow('request')
    await clock.advance(10_000)
    await rotation.close()
    await reading
    expect(seen).toEqual([1, 2])
  })

  it('gives a slow reader the newest only, and keeps nothing for one that has left', async () => {
    const rotation = rotator.rotate(model().source())
    const changes = rotation.changes()
    await rotation.ready()
    for (let times = 0; times < 3; times += 1) {
      await rotation.replaceNow('request')
      await clock.advance(10_000)
    }
    expect(await changes.next()).toEqual({ done: false, value: 4 })
    const waiting = changes.next()
    await changes.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await changes.next()).toEqual({ done: true, value: undefined })
  })
})

describe('what is told', () => {
  it('holds no value, in no form', async () => {
    const source: Source<Secret> = {
      credentialType: 'token',
      name: 'service',
      issue: async () => ({ value: new Secret('hvs.planted'), ttlSeconds: 10, renewable: false }),
    }
    const rotation = rotator.rotate(source)
    await rotation.ready()
    await clock.advance(20_000)
    const { inspect } = await import('node:util')
    const told = [inspect(rotation, { depth: 9 }), JSON.stringify(rotation), JSON.stringify(log.events), `${rotation}`]
    expect(told.join()).not.toContain('planted')
    expect(rotation.current().expose()).toBe('hvs.planted')
  })

  it('errors name a cure', () => {
    const rotation = rotator.rotate(model().source())
    try {
      rotation.current()
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(RotationError)
      expect((error as RotationError).cure).not.toBe('')
    }
  })
})
