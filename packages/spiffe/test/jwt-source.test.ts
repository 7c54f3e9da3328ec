import { Rotator } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import {
  JwtSource,
  type JwtSourceOptions,
  svidFetch,
  svidRedacted,
  svidUpdated,
  trustBundleUpdated,
  verifyJwtSvid,
} from '@chaveiro/spiffe'
import { status as Status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { recorded } from './workload-api/channel-recorder.js'
import { eventually, exchange, fail, ScriptedAgent } from './workload-api/scripted-agent.js'
import { registry, TestDomain, trustDomain, worker } from './workload-api/trust-domain.js'

let clock: FakeClock
let domain: TestDomain
let agent: ScriptedAgent
let opened: JwtSource[]
let answered: number
/** What the agent answers; replaced by tests. */
let answer: (audience: readonly string[]) => Promise<{ spiffeId: string; svid: string; hint: string }[]>

beforeEach(async () => {
  clock = new FakeClock()
  domain = await TestDomain.create(clock, { jwtTtlSeconds: 300 })
  agent = await ScriptedAgent.start()
  answer = async (audience) => [await domain.jwt(audience)]
  agent.unary.fetchJWTSVID = (call, callback) =>
    answer(call.request.audience).then(
      (svids) => callback(null, { svids }),
      (status) => callback(status),
    )
  opened = []
  answered = 0
  const count = (): void => void answered++
  svidFetch.subscribe(count)
  onTestFinished(() => void svidFetch.unsubscribe(count))
})

afterEach(async () => {
  for (const source of opened) await source.close()
  await agent[Symbol.asyncDispose]()
})

async function open(options: JwtSourceOptions = {}) {
  const starting = JwtSource.open({ endpoint: agent.endpoint, clock, ...options })
  const stream = await agent.stream('fetchJWTBundles')
  stream.write(domain.jwtBundles())
  const source = await starting
  opened.push(source)
  return { source, stream }
}

const asked = (): number => agent.calls.filter(({ method }) => method === 'fetchJWTSVID').length
const unavailable = { code: Status.UNAVAILABLE, details: 'the server is away' }

/** Lets `ms` pass in steps of a second; in each, what crosses the socket arrives and is answered. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    await clock.advance(Math.min(1000, left))
    await exchange()
    await eventually(() => expect(answered).toBe(asked()))
  }
}

describe('the cache', () => {
  it('asks once for one subject and set of audiences, in any order', async () => {
    const { source } = await open()
    const one = await source.fetchJwtSvid({ audience: ['b', 'a'] })
    expect(await source.fetchJwtSvid({ audience: ['a', 'b', 'a'] })).toBe(one)
    expect(asked()).toBe(1)
    expect([...one.audience].sort()).toEqual(['a', 'b'])
  })

  it.each([
    ['audience', { audience: 'b' }],
    ['subject', { audience: 'a', subject: registry }],
    ['hint', { audience: 'a', hint: 'x' }],
  ])('another %s is another token', async (_what, other) => {
    answer = async (audience) => [await domain.jwt(audience), await domain.jwt(audience, registry, 'x')]
    const { source } = await open()
    await source.fetchJwtSvid({ audience: 'a' })
    await source.fetchJwtSvid(other)
    expect(asked()).toBe(2)
  })

  it('callers at the same time share one request; one that gives up does not take it from the others', async () => {
    const { source } = await open()
    const stop = new AbortController()
    const one = source.fetchJwtSvid({ audience: 'a', signal: stop.signal })
    const two = source.fetchJwtSvid({ audience: 'a' })
    stop.abort(new Error('enough'))
    await expect(one).rejects.toThrow('enough')
    expect((await two).audience).toEqual(['a'])
    expect(asked()).toBe(1)
  })

  it('a slow answer for one audience holds up no other', async () => {
    answer = (audience) =>
      audience[0] === 'slow' ? new Promise(() => undefined) : domain.jwt(audience).then((s) => [s])
    const { source } = await open()
    const slow = expect(source.fetchJwtSvid({ audience: 'slow' })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_DEADLINE',
    })
    expect((await source.fetchJwtSvid({ audience: 'quick' })).audience).toEqual(['quick'])
    await clock.advance(5000)
    await slow
  })

  it('is bounded: the token used longest ago goes, and is not kept fresh any more', async () => {
    const rotator = new Rotator({ clock })
    const { source } = await open({ maxEntries: 2, rotator })
    const a = await source.fetchJwtSvid({ audience: 'a' })
    await source.fetchJwtSvid({ audience: 'b' })
    expect(await source.fetchJwtSvid({ audience: 'a' })).toBe(a)
    await source.fetchJwtSvid({ audience: 'c' })
    expect(await source.fetchJwtSvid({ audience: 'a' })).toBe(a)
    expect(Array.from(rotator.rotations, ({ name }) => name).sort()).toEqual(['a', 'c'])
    await source.fetchJwtSvid({ audience: 'b' })
    expect(asked()).toBe(4)
  })

  it('a first request that fails is the callers to repeat: nothing is left behind', async () => {
    const rotator = new Rotator({ clock })
    const { source } = await open({ rotator })
    answer = () => Promise.reject({ code: Status.PERMISSION_DENIED, details: 'no identity issued' })
    await expect(source.fetchJwtSvid({ audience: 'a', subject: worker })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_NO_IDENTITY',
    })
    expect([...rotator.rotations]).toEqual([])
    answer = async (audience) => [await domain.jwt(audience, worker)]
    expect((await source.fetchJwtSvid({ audience: 'a', subject: worker })).id.toString()).toBe(worker.toString())
  })

  it('a hint that no SVID bears is an error', async () => {
    const { source } = await open()
    await expect(source.fetchJwtSvid({ audience: 'a', hint: 'x' })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_NO_MATCHING_SVID',
    })
  })

  it('a token that has expired already is not taken', async () => {
    const { source } = await open()
    clock.stepWall(-3_600_000)
    const old = await domain.jwt(['a'])
    clock.stepWall(3_600_000)
    answer = async () => [old]
    await expect(source.fetchJwtSvid({ audience: 'a' })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_SVID_EXPIRED',
    })
  })
})

describe('refresh', () => {
  it('is done in good time, by the rotation engine, without anybody asking', async () => {
    const rotator = new Rotator({ clock })
    const updates = recorded(svidUpdated)
    const fetches = recorded(svidFetch)
    const { source } = await open({ rotator })
    const first = await source.fetchJwtSvid({ audience: 'a' })
    const [rotation] = rotator.rotations
    await pass(178_000)
    expect(asked()).toBe(1)
    await pass(62_000)
    expect(asked()).toBe(2)
    const second = await source.fetchJwtSvid({ audience: 'a' })
    expect(second.expiresAtMs).toBeGreaterThan(first.expiresAtMs)
    expect(asked()).toBe(2)
    expect(rotation?.snapshot()).toMatchObject({
      credentialType: 'jwt_svid',
      name: 'a',
      replacements: 1,
      ttlSeconds: 300,
    })
    expect(updates.events).toMatchObject([{ svidType: 'jwt', share: undefined }, { svidType: 'jwt' }])
    const { share } = updates.events[1] as { share: number }
    expect(share).toBeGreaterThanOrEqual(0.6)
    expect(share).toBeLessThan(0.8)
    expect(fetches.events).toMatchObject([
      { svidType: 'jwt', status: 'success' },
      { svidType: 'jwt', status: 'success' },
    ])
  })

  it('counts from iat: a token that the agent has had for a while is replaced sooner', async () => {
    const { source } = await open()
    const old = await domain.jwt(['a'])
    await clock.advance(150_000)
    answer = async () => [old]
    await source.fetchJwtSvid({ audience: 'a' })
    answer = async (audience) => [await domain.jwt(audience)]
    await pass(90_000)
    expect(asked()).toBe(2)
  })

  it('serves the old token while refreshing fails, down to the margin, and recovers', async () => {
    const { source } = await open()
    const first = await source.fetchJwtSvid({ audience: 'a' })
    answer = () => Promise.reject(unavailable)
    await pass(289_000)
    expect(asked()).toBeGreaterThan(2)
    expect(await source.fetchJwtSvid({ audience: 'a' })).toBe(first)
    await pass(2_000)
    await expect(source.fetchJwtSvid({ audience: 'a' })).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_UNAVAILABLE' })
    await pass(10_000)
    await expect(source.fetchJwtSvid({ audience: 'a' })).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_UNAVAILABLE' })
    answer = async (audience) => [await domain.jwt(audience)]
    const next = await source.fetchJwtSvid({ audience: 'a' })
    expect(next.expiresAtMs).toBeGreaterThan(clock.wallMs())
  })

  it('an agent that repeats the old token has not renewed it, and is not asked in a hot loop', async () => {
    const { source } = await open()
    const old = await domain.jwt(['a'])
    answer = async () => [old]
    const first = await source.fetchJwtSvid({ audience: 'a' })
    await pass(280_000)
    expect(await source.fetchJwtSvid({ audience: 'a' })).toBe(first)
    expect(asked()).toBeGreaterThan(2)
    expect(asked()).toBeLessThan(40)
  })

  it('asked before its time, an agent that repeats the token has not failed', async () => {
    const rotator = new Rotator({ clock })
    const { source } = await open({ rotator })
    const old = await domain.jwt(['a'])
    answer = async () => [old]
    const first = await source.fetchJwtSvid({ audience: 'a' })
    const [rotation] = rotator.rotations
    await pass(60_000)
    await rotation?.renewNow('request')
    expect(rotation?.snapshot()).toMatchObject({ failures: 0, consecutiveFailures: 0, ttlSeconds: 300 })
    expect(rotation?.snapshot().remainingSeconds).toBe(240)
    expect(await source.fetchJwtSvid({ audience: 'a' })).toBe(first)
    expect(asked()).toBe(2)
  })

  it('a short life has a smaller margin, so that a retry still fits', async () => {
    domain = await TestDomain.create(clock, { jwtTtlSeconds: 30 })
    const { source } = await open()
    const first = await source.fetchJwtSvid({ audience: 'a' })
    answer = () => Promise.reject(unavailable)
    await pass(23_000)
    expect(await source.fetchJwtSvid({ audience: 'a' })).toBe(first)
    await pass(2_000)
    await expect(source.fetchJwtSvid({ audience: 'a' })).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_UNAVAILABLE' })
  })
})

describe('withdrawal', () => {
  it('drops tokens whose key has left the bundle', async () => {
    const redacted = recorded(svidRedacted)
    const { source, stream } = await open()
    const first = await source.fetchJwtSvid({ audience: 'a' })
    domain = await TestDomain.create(clock)
    stream.write(domain.jwtBundles())
    await eventually(() => expect(redacted.events).toHaveLength(1))
    expect(redacted.events).toEqual([{ svidType: 'jwt', spiffeId: registry.toString(), reason: 'key_withdrawn' }])
    const second = await source.fetchJwtSvid({ audience: 'a' })
    expect(second.keyId).not.toBe(first.keyId)
  })

  it('keeps tokens while their key stands beside a new one', async () => {
    const updates = recorded(trustBundleUpdated)
    const { source, stream } = await open()
    const first = await source.fetchJwtSvid({ audience: 'a' })
    await domain.rotateJwtKey()
    stream.write(domain.jwtBundles())
    await eventually(() => expect(updates.events).toHaveLength(2))
    expect(await source.fetchJwtSvid({ audience: 'a' })).toBe(first)
    expect(source.jwtBundleFor(trustDomain)?.keyIds).toHaveLength(2)
  })

  it('drops tokens when the identity is taken away (WLA-5.2.1-e)', async () => {
    const redacted = recorded(svidRedacted)
    const { source, stream } = await open()
    await source.fetchJwtSvid({ audience: 'a' })
    answer = () => Promise.reject({ code: Status.PERMISSION_DENIED, details: 'no identity issued' })
    fail(stream, Status.PERMISSION_DENIED, 'no identity issued')
    await eventually(() => expect(redacted.events).toHaveLength(1))
    expect(redacted.events).toMatchObject([{ reason: 'no_identity' }])
    await expect(source.fetchJwtSvid({ audience: 'a' })).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_NO_IDENTITY' })
  })
})

describe('bundles', () => {
  it('WLA-6.2.2-a: validate the tokens of others, and are replaced whole', async () => {
    const { source, stream } = await open()
    const token = await domain.token(['a'])
    const judge = () => verifyJwtSvid(token, source, { audience: 'a', atMs: clock.wallMs() })
    expect((await judge()).id.toString()).toBe(registry.toString())
    stream.write({ bundles: { [trustDomain.id]: Buffer.from('{"keys":[]}') } })
    await eventually(() => expect(source.jwtBundleFor(trustDomain)?.keyIds).toEqual([]))
    await expect(judge()).rejects.toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
  })

  it('the same bundles after a reconnect are no update', async () => {
    const updates = recorded(trustBundleUpdated)
    const { stream } = await open()
    stream.end()
    await eventually(async () => {
      await clock.advance(0)
      expect(agent.opened('fetchJWTBundles')).toBe(2)
    })
    ;(await agent.stream('fetchJWTBundles', 2)).write(domain.jwtBundles())
    await eventually(() => expect(clock.pendingTimers).toBe(0))
    expect(updates.events).toHaveLength(1)
  })
})

describe('life', () => {
  it('a start without an agent fails at its bound, and leaves nothing', async () => {
    agent.die()
    const starting = JwtSource.open({ endpoint: agent.endpoint, clock, timeoutMs: 3000 })
    let settled = false
    starting.catch(() => (settled = true))
    await eventually(async () => {
      await clock.advance(250)
      expect(settled).toBe(true)
    })
    await expect(starting).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_SOCKET_MISSING' })
    expect(clock.pendingTimers).toBe(0)
  })

  it('close ends stream and rotations; a rotator that was handed in stays open; calls after it are errors', async () => {
    const rotator = new Rotator({ clock })
    const { source, stream } = await open({ rotator })
    await source.fetchJwtSvid({ audience: 'a' })
    await source.close()
    await source.close()
    await eventually(() => expect(stream.cancelled).toBe(true))
    expect([...rotator.rotations]).toEqual([])
    expect(clock.pendingTimers).toBe(0)
    await expect(source.fetchJwtSvid({ audience: 'a' })).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_CLOSED' })
    expect(() => source.jwtBundleFor(trustDomain)).toThrow(expect.objectContaining({ code: 'ERR_WORKLOAD_API_CLOSED' }))
    const other = rotator.rotate({
      credentialType: 'kv',
      name: 'n',
      issue: async () => ({ value: 1, ttlSeconds: 0, renewable: false }),
    })
    expect(await other.ready()).toBe(1)
    await rotator.close()
  })

  it.each([{ maxEntries: 0 }, { marginMs: -1 }])('refuses the option %j', async (option) => {
    await expect(JwtSource.open({ endpoint: agent.endpoint, clock, ...option })).rejects.toThrow(RangeError)
  })

  it('an empty audience is refused (WLA-6.2.1-a)', async () => {
    const { source } = await open()
    await expect(source.fetchJwtSvid({ audience: '' })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT',
    })
    await expect(source.fetchJwtSvid({ audience: [] })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT',
    })
  })
})
