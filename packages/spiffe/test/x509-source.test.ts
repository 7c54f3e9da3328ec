import { FakeClock } from '@chaveiro/rotation/testing'
import {
  identityAmbiguous,
  pickByHint,
  pickById,
  svidRedacted,
  svidUpdated,
  trustBundleUpdated,
  WorkloadApiClient,
  X509Source,
  type X509SourceOptions,
} from '@chaveiro/spiffe'
import { status as Status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { recorded } from './workload-api/channel-recorder.js'
import { eventually, exchange, fail, ScriptedAgent } from './workload-api/scripted-agent.js'
import { foreign, registry, TestDomain, trustDomain, worker } from './workload-api/trust-domain.js'

let clock: FakeClock
let domain: TestDomain
let agent: ScriptedAgent
let opened: X509Source[]

beforeEach(async () => {
  clock = new FakeClock()
  domain = await TestDomain.create(clock, { x509TtlSeconds: 3600 })
  agent = await ScriptedAgent.start()
  opened = []
})

afterEach(async () => {
  for (const source of opened) await source.close()
  await agent[Symbol.asyncDispose]()
})

async function open(options: X509SourceOptions = {}): Promise<X509Source> {
  const source = await X509Source.open({ endpoint: agent.endpoint, clock, ...options })
  opened.push(source)
  return source
}

/** A source that has been given `message`, and the stream it came on. */
async function started(message: object, options: X509SourceOptions = {}) {
  const starting = open(options)
  const stream = await agent.stream('fetchX509SVID')
  stream.write(message)
  return { source: await starting, stream }
}

describe('an X509Source', () => {
  it('gives the SVID and the bundles that the agent pushed last, as one', async () => {
    const { source, stream } = await started(domain.x509())
    const told: string[] = []
    source.onUpdate(({ svid }) => void told.push(`${svid?.id}`))
    const first = source.x509Svid()
    await clock.advance(1_800_000)
    stream.write({ ...domain.x509(), federatedBundles: { [foreign.id]: domain.x509Bundle() } })
    await eventually(() => expect(source.x509Svid()).not.toBe(first))
    expect(source.snapshot.svid).toBe(source.x509Svid())
    expect(source.snapshot.bundles.x509BundleFor(foreign)).toBe(source.x509BundleFor(foreign))
    expect(source.x509BundleFor(trustDomain)?.authorities).toHaveLength(1)
    expect(told).toEqual([registry.toString()])
  })

  it('tells at what share of a life the next SVID came', async () => {
    const updates = recorded(svidUpdated)
    const bundles = recorded(trustBundleUpdated)
    const { source, stream } = await started(domain.x509())
    await clock.advance(1_795_000)
    stream.write(domain.x509())
    await eventually(() => expect(source.state.rotations).toBe(1))
    const { notBeforeMs, notAfterMs } = source.x509Svid()
    expect(updates.events).toMatchObject([
      { svidType: 'x509', spiffeId: registry.toString(), share: undefined },
      { svidType: 'x509', notBeforeMs, notAfterMs, share: 0.5 },
    ])
    expect(source.state.latestRotationShare).toBe(0.5)
    expect(bundles.events).toEqual([
      { bundleType: 'x509', trustDomains: [trustDomain.name], atWallMs: Date.UTC(2026, 0, 1) },
    ])
  })

  it('an unchanged message after a reconnect is no rotation', async () => {
    const message = domain.x509()
    const updates = recorded(svidUpdated)
    const { source, stream } = await started(message)
    const first = source.x509Svid()
    await clock.advance(60_000)
    stream.end()
    await eventually(() => expect(source.state.connected).toBe(false))
    await clock.advance(0)
    ;(await agent.stream('fetchX509SVID', 2)).write(message)
    await eventually(() => expect(source.state.connected).toBe(true))
    expect(source.x509Svid()).toBe(first)
    expect(updates.events).toHaveLength(1)
    expect(source.state).toMatchObject({ rotations: 0, svidAgeSeconds: 60, lastMessageAgeSeconds: 0 })
  })

  it('refuses an update whose leaf has expired, and keeps what it has', async () => {
    const { source, stream } = await started(domain.x509())
    const early = new FakeClock({ wallMs: clock.wallMs() - 7_200_000 })
    stream.write(await (await TestDomain.create(early)).x509())
    await eventually(() => expect(source.state.lastErrorCode).toBe('ERR_WORKLOAD_API_SVID_EXPIRED'))
    expect(source.state.healthy).toBe(true)
    expect(source.x509Svid().notAfterMs).toBeGreaterThan(clock.wallMs())
  })

  it('is unhealthy once its SVID has expired, though the stream is open', async () => {
    const { source, stream } = await started(domain.x509())
    await clock.advance(3_599_000)
    expect(source.state).toMatchObject({ status: 'live', healthy: true, remainingSeconds: 1, lifetimeSeconds: 3610 })
    await clock.advance(1_000)
    expect(source.state).toMatchObject({ status: 'expired', healthy: false, remainingSeconds: 0 })
    expect(() => source.x509Svid()).toThrow(expect.objectContaining({ code: 'ERR_WORKLOAD_API_SVID_EXPIRED' }))
    stream.write(domain.x509())
    await eventually(() => expect(source.state.healthy).toBe(true))
  })

  it('keeps what it has while the agent is away', async () => {
    const { source } = await started(domain.x509())
    agent.die()
    await eventually(() => expect(source.state.connected).toBe(false))
    await clock.advance(1_000_000)
    expect(source.state).toMatchObject({ healthy: true, connected: false, svidAgeSeconds: 1000 })
    expect(source.x509Svid().id.toString()).toBe(registry.toString())
    expect(source.x509BundleFor(trustDomain)).toBeDefined()
  })

  it('keeps what it has when a message cannot be used (WLA-4.5-b)', async () => {
    const { source, stream } = await started(domain.x509())
    stream.write({ svids: [] })
    await eventually(() => expect(source.state.lastErrorCode).toBe('ERR_WORKLOAD_API_BAD_MESSAGE'))
    expect(source.x509Svid().id.toString()).toBe(registry.toString())
  })

  it('WLA-4.4-b: what is not in the newest message is not trusted any more', async () => {
    const { source, stream } = await started({
      ...domain.x509(),
      federatedBundles: { [foreign.id]: domain.x509Bundle() },
    })
    expect(source.x509BundleFor(foreign)).toBeDefined()
    stream.write(domain.x509())
    await eventually(() => expect(source.x509BundleFor(foreign)).toBeUndefined())
  })
})

describe('redaction', () => {
  it('WLA-5.2.1-e: PermissionDenied takes the SVID away, and a new entry brings one back', async () => {
    const redacted = recorded(svidRedacted)
    const { source, stream } = await started(domain.x509())
    const told: (string | undefined)[] = []
    source.onUpdate(({ svid }) => void told.push(svid?.id.path))
    fail(stream, Status.PERMISSION_DENIED, 'no identity issued')
    await eventually(() => expect(source.state.status).toBe('no_identity'))
    expect(source.state.healthy).toBe(false)
    expect(() => source.x509Svid()).toThrow(expect.objectContaining({ code: 'ERR_WORKLOAD_API_NO_IDENTITY' }))
    expect(redacted.events).toEqual([{ svidType: 'x509', spiffeId: registry.toString(), reason: 'no_identity' }])
    await clock.advance(1000)
    ;(await agent.stream('fetchX509SVID', 2)).write(domain.x509(worker))
    await eventually(() => expect(source.x509Svid().id.toString()).toBe(worker.toString()))
    expect(told).toEqual([undefined, worker.path])
  })

  it('WLA-5.2.1-e: an option keeps the SVID until it expires', async () => {
    const { source, stream } = await started(domain.x509(), { keepWithoutIdentity: true })
    fail(stream, Status.PERMISSION_DENIED)
    await eventually(() => expect(source.state.lastErrorCode).toBe('ERR_WORKLOAD_API_NO_IDENTITY'))
    expect(source.x509Svid().id.toString()).toBe(registry.toString())
    await clock.advance(3_600_000)
    expect(source.state.status).toBe('expired')
  })

  it('WLA-5.2.1-e: a message without the SVID that is used takes it away', async () => {
    const { source, stream } = await started(
      { svids: [domain.svid(registry), domain.svid(worker)] },
      { picker: pickById(worker) },
    )
    stream.write(domain.x509(registry))
    await eventually(() => expect(source.state.status).toBe('no_identity'))
    expect(() => source.x509Svid()).toThrow(expect.objectContaining({ code: 'ERR_WORKLOAD_API_NO_MATCHING_SVID' }))
  })
})

describe('several identities', () => {
  const both = async () => ({ svids: [domain.svid(registry, 'internal'), domain.svid(worker, 'external')] })

  it('WLA-8-a: without a picker the first is used, with a warning', async () => {
    const ambiguous = recorded(identityAmbiguous)
    const { source } = await started(await both())
    expect(source.x509Svid().id.toString()).toBe(registry.toString())
    expect(ambiguous.events).toEqual([
      { svidType: 'x509', chosen: registry.toString(), spiffeIds: [registry.toString(), worker.toString()] },
    ])
  })

  it.each([
    ['hint', pickByHint('external')],
    ['ID', pickById(worker)],
  ])('WLA-8-a: a picker chooses by %s', async (_by, picker) => {
    const ambiguous = recorded(identityAmbiguous)
    const { source } = await started(await both(), { picker })
    expect(source.x509Svid().id.toString()).toBe(worker.toString())
    expect(source.state.hint).toBe('external')
    expect(ambiguous.events).toEqual([])
  })

  it('WLA-8-a: an expected hint that is absent fails, and says what there was', async () => {
    const starting = expect(open({ picker: pickByHint('other') })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_NO_MATCHING_SVID',
      message: expect.stringContaining('external'),
    })
    ;(await agent.stream('fetchX509SVID')).write(await both())
    await eventually(() => expect(clock.pendingTimers).toBe(1))
    // The message has arrived when the bound on it has gone: what is left is the bound on the start.
    await clock.advance(30_000)
    await starting
  })
})

describe('start', () => {
  it('waits for an entry that arrives late', async () => {
    const starting = open()
    for (let count = 1; count <= 3; count++) {
      fail(await agent.stream('fetchX509SVID', count), Status.PERMISSION_DENIED, 'no identity issued')
      // Two timers: the bound on the start, and the pause.
      await eventually(() => expect(agent.opened('fetchX509SVID')).toBe(count))
      await nextStream(count + 1)
    }
    ;(await agent.stream('fetchX509SVID', 4)).write(domain.x509())
    expect((await starting).x509Svid().id.toString()).toBe(registry.toString())
  })

  it.each([
    ['no entry', () => refuse(Status.PERMISSION_DENIED), 'ERR_WORKLOAD_API_NO_IDENTITY', /entry/],
    ['no agent', () => agent.die(), 'ERR_WORKLOAD_API_SOCKET_MISSING', /Start/],
    ['an agent that says nothing', () => undefined, 'ERR_WORKLOAD_API_DEADLINE', /agent/],
  ])('%s: gives up at its bound, with the last code, the socket and a cure', async (_name, prepare, code, cure) => {
    void prepare()
    const starting = expect(open({ timeoutMs: 15_000 })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(agent.endpoint),
      cure: expect.stringMatching(cure),
    })
    await untilSettled(starting)
    expect(clock.pendingTimers).toBe(0)
  })

  it('a failed start leaves nothing open and can be repeated', async () => {
    const stop = new AbortController()
    const first = expect(open({ signal: stop.signal })).rejects.toThrow('not now')
    const stream = await agent.stream('fetchX509SVID')
    stop.abort(new Error('not now'))
    await first
    await eventually(() => expect(stream.cancelled).toBe(true))
    expect(clock.pendingTimers).toBe(0)
    const second = open()
    ;(await agent.stream('fetchX509SVID', 2)).write(domain.x509())
    expect((await second).state.healthy).toBe(true)
  })

  it('the signal of the start has no say in the life of the source', async () => {
    const stop = new AbortController()
    const { source, stream } = await started(domain.x509(), { signal: stop.signal })
    stop.abort()
    stream.write(domain.x509(worker))
    await eventually(() => expect(source.x509Svid().id.toString()).toBe(worker.toString()))
  })

  it('a profile that is off ends the start at once', async () => {
    const starting = expect(open()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_UNIMPLEMENTED' })
    fail(await agent.stream('fetchX509SVID'), Status.UNIMPLEMENTED)
    await starting
  })
})

describe('close', () => {
  it('ends the stream, twice is harmless, and calls after it are errors', async () => {
    const { source, stream } = await started(domain.x509())
    await source.close()
    await source.close()
    await eventually(() => expect(stream.cancelled).toBe(true))
    expect(source.state).toMatchObject({ status: 'closed', healthy: false })
    expect(() => source.x509Svid()).toThrow(expect.objectContaining({ code: 'ERR_WORKLOAD_API_CLOSED' }))
    expect(() => source.x509BundleFor(trustDomain)).toThrow(
      expect.objectContaining({ code: 'ERR_WORKLOAD_API_CLOSED' }),
    )
    expect(clock.pendingTimers).toBe(0)
  })

  it('leaves a client open that it was given', async () => {
    await using client = new WorkloadApiClient({ endpoint: agent.endpoint, clock })
    const { source } = await started(domain.x509(), { client })
    await source.close()
    const answer = client.fetchX509Context()
    ;(await agent.stream('fetchX509SVID', 2)).write(domain.x509())
    expect((await answer).svids).toHaveLength(1)
  })
})

/** Refuses every stream that is opened. */
async function refuse(code: Status): Promise<void> {
  for (let count = 1; count < 100; count++) fail(await agent.stream('fetchX509SVID', count), code)
}

/** Lets time pass in small steps until the `count`-th stream is opened. */
async function nextStream(count: number): Promise<void> {
  await eventually(async () => {
    await clock.advance(100)
    await exchange()
    expect(agent.opened('fetchX509SVID')).toBeGreaterThanOrEqual(count)
  })
}

/** Lets time pass in small steps, so that what crosses the socket keeps up, until `work` is done. */
async function untilSettled(work: Promise<unknown>): Promise<void> {
  let settled = false
  const done = (): void => {
    settled = true
  }
  work.then(done, done)
  await eventually(async () => {
    await clock.advance(250)
    await exchange()
    expect(settled).toBe(true)
  })
  await work
}
