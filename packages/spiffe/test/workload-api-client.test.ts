import { chmod, writeFile } from 'node:fs/promises'
import { Secret } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import {
  type AfterFailure,
  hintDuplicated,
  profileUnavailable,
  svidFetch,
  svidFetchFailed,
  TrustDomain,
  trustBundleUpdateFailed,
  WorkloadApiClient,
  type WorkloadApiError,
} from '@chaveiro/spiffe'
import { status as Status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { recorded } from './workload-api/channel-recorder.js'
import { eventually, fail, ScriptedAgent } from './workload-api/scripted-agent.js'
import { foreign, registry, TestDomain, trustDomain, worker } from './workload-api/trust-domain.js'

let clock: FakeClock
let domain: TestDomain
let agent: ScriptedAgent
let client: WorkloadApiClient

beforeEach(async () => {
  clock = new FakeClock()
  domain = await TestDomain.create(clock)
  agent = await ScriptedAgent.start()
  client = new WorkloadApiClient({ endpoint: agent.endpoint, clock })
})

afterEach(async () => {
  await client.close()
  await agent[Symbol.asyncDispose]()
})

/** Keeps all that a watch tells. */
class Heard<T> {
  readonly updates: T[] = []
  readonly durations: (number | undefined)[] = []
  readonly failures: { error: WorkloadApiError; next: AfterFailure }[] = []

  update(value: T, durationMs: number | undefined): void {
    this.updates.push(value)
    this.durations.push(durationMs)
  }

  failure(error: WorkloadApiError, next: AfterFailure): void {
    this.failures.push({ error, next })
  }

  get codes(): string[] {
    return this.failures.map(({ error }) => error.code)
  }

  /** Waits for the `count`-th failure. */
  async failed(count = 1): Promise<{ error: WorkloadApiError; next: AfterFailure }> {
    await eventually(() => expect(this.failures.length).toBeGreaterThanOrEqual(count))
    return this.failures[count - 1] as { error: WorkloadApiError; next: AfterFailure }
  }

  /** Waits for the `count`-th failure, then for the pause after it. */
  async retried(count = 1): Promise<void> {
    const { next } = await this.failed(count)
    await clock.advance(next.retryInMs as number)
  }

  async updated(count = 1): Promise<T> {
    await eventually(() => expect(this.updates.length).toBeGreaterThanOrEqual(count))
    return this.updates[count - 1] as T
  }
}

function watchX509() {
  const heard = new Heard<Parameters<Parameters<typeof client.watchX509Context>[0]['update']>[0]>()
  return { heard, watch: client.watchX509Context(heard) }
}

describe('requests', () => {
  it('WLE-3-b: every request bears workload.spiffe.io: true, once', async () => {
    const answers = [
      client.fetchX509Context(),
      client.fetchX509Bundles(),
      client.fetchJwtBundles(),
      client.fetchJwtSvids({ audience: ['a'] }),
      client.validateJwtSvid({ token: 't', audience: 'a' }),
    ]
    await eventually(() => expect(agent.calls).toHaveLength(5))
    for (const { metadata } of agent.calls) expect(metadata.get('workload.spiffe.io')).toEqual(['true'])
    const settled = Promise.allSettled(answers)
    await client.close()
    await settled
  })

  it('WLE-5-a: the client shows no credentials', async () => {
    const answer = client.fetchX509Context()
    await agent.stream('fetchX509SVID')
    const names = Object.keys(agent.calls[0]?.metadata.getMap() ?? {})
    expect(names.filter((name) => name !== 'user-agent')).toEqual(['workload.spiffe.io'])
    await client.close()
    await expect(answer).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_CLOSED' })
  })

  it('WLE-3.1-a: no TLS is asked for', async () => {
    // The scripted agent has none.
    const answer = client.fetchX509Context()
    const stream = await agent.stream('fetchX509SVID')
    stream.write(domain.x509())
    expect((await answer).svids[0].id.toString()).toBe(registry.toString())
  })
})

describe('one X.509 context', () => {
  it('brings SVIDs, bundles, revocation lists, and cancels the stream', async () => {
    const fetches = recorded(svidFetch)
    const answer = client.fetchX509Context()
    const stream = await agent.stream('fetchX509SVID')
    const federatedBundles = { [foreign.id]: domain.x509Bundle() }
    stream.write({ ...domain.x509(), federatedBundles, crl: [Buffer.from([1])] })
    const { svids, bundles, revocationLists } = await answer
    expect(svids).toHaveLength(1)
    expect(bundles.x509BundleFor(trustDomain)?.authorities).toHaveLength(1)
    expect(bundles.x509BundleFor(foreign)?.authorities).toHaveLength(1)
    expect(revocationLists.map((each) => [...each])).toEqual([[1]])
    await eventually(() => expect(stream.cancelled).toBe(true))
    expect(fetches.events).toEqual([{ svidType: 'x509', status: 'success', durationSeconds: 0 }])
  })

  it('is not tried again: its first failure is the answer', async () => {
    const failures = recorded(svidFetchFailed)
    const answer = client.fetchX509Context()
    fail(await agent.stream('fetchX509SVID'), Status.PERMISSION_DENIED, 'no identity issued')
    await expect(answer).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_NO_IDENTITY',
      grpcStatus: 'PERMISSION_DENIED',
      message: expect.stringContaining(agent.endpoint),
      cure: expect.stringContaining('entry'),
    })
    expect(agent.opened('fetchX509SVID')).toBe(1)
    expect(failures.events).toMatchObject([{ svidType: 'x509', code: 'ERR_WORKLOAD_API_NO_IDENTITY' }])
  })

  it('gives up when the signal does, with its reason', async () => {
    const stop = new AbortController()
    const answer = client.fetchX509Context(stop.signal)
    const stream = await agent.stream('fetchX509SVID')
    stop.abort(new Error('enough'))
    await expect(answer).rejects.toThrow('enough')
    await eventually(() => expect(stream.cancelled).toBe(true))
  })
})

describe('streams', () => {
  it('WLA-4.2-a: a clean end is followed by a new stream at once', async () => {
    const { heard } = watchX509()
    const first = await agent.stream('fetchX509SVID')
    first.write(domain.x509())
    await heard.updated()
    first.end()
    expect((await heard.failed()).next).toEqual({ retryInMs: 0, ended: false })
    await clock.advance(0)
    await agent.stream('fetchX509SVID', 2)
  })

  it('WLA-4.2-a: the second clean end in a row is followed by a pause', async () => {
    const { heard } = watchX509()
    ;(await agent.stream('fetchX509SVID')).end()
    await heard.failed()
    await clock.advance(0)
    ;(await agent.stream('fetchX509SVID', 2)).end()
    const { next } = await heard.failed(2)
    expect(next.retryInMs).toBeGreaterThanOrEqual(500)
  })

  it('WLA-4.2-a: streams that end again and again, good message or not, never become a hot loop', async () => {
    const { heard } = watchX509()
    const message = domain.x509()
    for (let count = 1; count <= 4; count++) {
      const stream = await agent.stream('fetchX509SVID', count)
      stream.write(message)
      await heard.updated(count)
      stream.end()
      await heard.retried(count)
    }
    const pauses = heard.failures.map(({ next }) => next.retryInMs as number)
    expect(pauses[0]).toBe(0)
    expect(Math.min(...pauses.slice(1))).toBeGreaterThanOrEqual(500)
  })

  it('WLA-4.2-a: a stream that lived long starts the counting of failures anew', async () => {
    const { heard } = watchX509()
    fail(await agent.stream('fetchX509SVID'), Status.UNAVAILABLE)
    await heard.failed()
    await clock.advance(1000)
    const second = await agent.stream('fetchX509SVID', 2)
    second.write(domain.x509())
    await heard.updated()
    await clock.advance(3_600_000)
    second.end()
    expect((await heard.failed(2)).next.retryInMs).toBe(0)
  })

  it('WLA-4.2-a: an open stream has no deadline', async () => {
    const { heard } = watchX509()
    const stream = await agent.stream('fetchX509SVID')
    stream.write(domain.x509())
    await heard.updated()
    await clock.advance(30 * 24 * 3_600_000)
    stream.write(domain.x509())
    await heard.updated(2)
    expect(heard.failures).toEqual([])
    expect(heard.durations).toEqual([0, undefined])
  })

  it('WLA-4.3-b: no first message within 10 s: another stream', async () => {
    const { heard } = watchX509()
    const silent = await agent.stream('fetchX509SVID')
    await clock.advance(9_999)
    expect(heard.failures).toEqual([])
    await clock.advance(1)
    expect((await heard.failed()).error.code).toBe('ERR_WORKLOAD_API_DEADLINE')
    await eventually(() => expect(silent.cancelled).toBe(true))
    await clock.advance(1000)
    await agent.stream('fetchX509SVID', 2)
  })

  it.each([
    ['WLE-6-b: unavailable', Status.UNAVAILABLE, 'ERR_WORKLOAD_API_UNAVAILABLE'],
    ['WLE-6-c, WLA-5.2.1-d: no identity', Status.PERMISSION_DENIED, 'ERR_WORKLOAD_API_NO_IDENTITY'],
    ['the caller could not be verified', Status.UNAUTHENTICATED, 'ERR_WORKLOAD_API_UNAVAILABLE'],
    ['a code nobody expects', Status.DATA_LOSS, 'ERR_WORKLOAD_API_UNAVAILABLE'],
  ])('%s: tried again after a pause', async (_name, status, code) => {
    const failures = recorded(svidFetchFailed)
    const { heard } = watchX509()
    fail(await agent.stream('fetchX509SVID'), status)
    const { error, next } = await heard.failed()
    expect(error.code).toBe(code)
    expect(next.retryInMs).toBeGreaterThanOrEqual(500)
    expect(next.retryInMs).toBeLessThanOrEqual(1000)
    await clock.advance(1000)
    const second = await agent.stream('fetchX509SVID', 2)
    second.write(domain.x509())
    await heard.updated()
    expect(failures.events).toMatchObject([{ code, retryInSeconds: (next.retryInMs as number) / 1000 }])
  })

  it('pauses grow from 0.5 s to 30 s, with full jitter', async () => {
    const { heard } = watchX509()
    for (let count = 1; count <= 9; count++) {
      fail(await agent.stream('fetchX509SVID', count), Status.UNAVAILABLE)
      const { next } = await heard.failed(count)
      expect(next.retryInMs).toBeGreaterThanOrEqual(500)
      expect(next.retryInMs).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** count))
      await heard.retried(count)
    }
    const pauses = heard.failures.map(({ next }) => next.retryInMs)
    expect(new Set(pauses).size).toBe(9)
  })

  it.each([
    ['WLE-6-a: InvalidArgument', Status.INVALID_ARGUMENT, 'ERR_WORKLOAD_API_INVALID_ARGUMENT'],
    ['WLE-6-d: Unimplemented', Status.UNIMPLEMENTED, 'ERR_WORKLOAD_API_UNIMPLEMENTED'],
  ])('%s ends the watch, with an event', async (_name, status, code) => {
    const failures = recorded(svidFetchFailed)
    const { heard, watch } = watchX509()
    fail(await agent.stream('fetchX509SVID'), status)
    await watch.done
    expect(heard.failures).toMatchObject([{ error: { code }, next: { retryInMs: undefined, ended: true } }])
    expect(failures.events).toMatchObject([{ code, retryInSeconds: undefined }])
    await clock.advance(3_600_000)
    expect(agent.opened('fetchX509SVID')).toBe(1)
  })

  it('WLA-1-a: a profile that is off is reported, and the other works on', async () => {
    const unavailable = recorded(profileUnavailable)
    const { watch } = watchX509()
    fail(await agent.stream('fetchX509SVID'), Status.UNIMPLEMENTED)
    await watch.done
    expect(unavailable.events).toMatchObject([{ profile: 'x509' }])
    const bundles = client.fetchJwtBundles()
    ;(await agent.stream('fetchJWTBundles')).write(domain.jwtBundles())
    expect((await bundles).jwtBundleFor(trustDomain)?.keyIds).toHaveLength(1)
  })

  it('an agent that restarts is found again', async () => {
    const { heard } = watchX509()
    const first = await agent.stream('fetchX509SVID')
    first.write(domain.x509())
    await heard.updated()
    agent.die()
    await heard.retried()
    expect((await heard.failed(2)).error.code).toBe('ERR_WORKLOAD_API_SOCKET_MISSING')
    await agent.listen()
    await heard.retried(2)
    const second = await agent.stream('fetchX509SVID', 2)
    second.write(domain.x509())
    await heard.updated(2)
  })

  it('a signal ends the watch, closing twice is harmless', async () => {
    const stop = new AbortController()
    const heard = new Heard<unknown>()
    const watch = client.watchX509Context(heard, stop.signal)
    const stream = await agent.stream('fetchX509SVID')
    stop.abort()
    await watch.done
    await watch.close()
    await eventually(() => expect(stream.cancelled).toBe(true))
    expect(heard.failures).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('messages', () => {
  const emptied = ['spiffeId', 'x509Svid', 'x509SvidKey', 'bundle'] as const

  it.each(emptied)('WLA-5.2.1-b, WLA-4.5-b: %s emptied: the message is discarded, the stream stays', async (field) => {
    const { heard } = watchX509()
    const stream = await agent.stream('fetchX509SVID')
    const svid = domain.svid()
    stream.write({ svids: [{ ...svid, [field]: field === 'spiffeId' ? '' : new Uint8Array() }] })
    const { error, next } = await heard.failed()
    expect(error.code).toBe('ERR_WORKLOAD_API_BAD_MESSAGE')
    expect(error.field).toMatch(/^svids\[0\]\./)
    expect(next).toEqual({ retryInMs: undefined, ended: false })
    stream.write({ svids: [svid] })
    await heard.updated()
    expect(agent.opened('fetchX509SVID')).toBe(1)
  })

  it.each([
    ['no SVID at all', async () => ({ svids: [] }), 'svids'],
    [
      'an SVID that is none',
      async () => ({ svids: [{ ...domain.svid(), x509Svid: Buffer.from('x') }] }),
      'svids[0].x509_svid',
    ],
    [
      'the key of another',
      async () => ({ svids: [{ ...domain.svid(), x509SvidKey: domain.svid().x509SvidKey }] }),
      'svids[0].x509_svid',
    ],
    [
      'an ID that is not in the certificate',
      async () => ({ svids: [{ ...domain.svid(), spiffeId: worker.toString() }] }),
      'svids[0].spiffe_id',
    ],
    [
      'trailing bytes after the bundle',
      async () => ({
        svids: [{ ...domain.svid(), bundle: Buffer.concat([domain.x509Bundle(), Buffer.from([0])]) }],
      }),
      'svids.bundle["spiffe://test.example"]',
    ],
    [
      'a federated bundle of nobody',
      async () => ({ ...domain.x509(), federatedBundles: { 'http://x': domain.x509Bundle() } }),
      'federated_bundles["http://x"]',
    ],
  ])('WLA-5.2.1-b, WLA-4.5-b: %s is discarded, and the field is named', async (_name, message, field) => {
    const failures = recorded(svidFetchFailed)
    const { heard } = watchX509()
    const stream = await agent.stream('fetchX509SVID')
    stream.write(await message())
    expect((await heard.failed()).error).toMatchObject({ code: 'ERR_WORKLOAD_API_BAD_MESSAGE', field })
    expect(failures.events).toMatchObject([{ code: 'ERR_WORKLOAD_API_BAD_MESSAGE', field }])
    expect(heard.updates).toEqual([])
  })

  it('WLA-4.5-b: messages that cannot be used do not shorten the pauses', async () => {
    const { heard } = watchX509()
    for (let count = 1; count <= 6; count++) {
      const stream = await agent.stream('fetchX509SVID', count)
      stream.write({ svids: [] })
      await heard.failed(2 * count - 1)
      fail(stream, Status.UNAVAILABLE)
      await heard.retried(2 * count)
    }
    const longest = Math.max(...heard.failures.map(({ next }) => next.retryInMs ?? 0))
    expect(longest).toBeGreaterThan(4000)
  })

  it('WLA-4.3-a, WLA-4.4-a, WLA-4.4-b: each message replaces all that came before', async () => {
    const { heard } = watchX509()
    const stream = await agent.stream('fetchX509SVID')
    const both = { svids: [domain.svid(registry, 'a'), domain.svid(worker, 'b')] }
    stream.write({ ...both, federatedBundles: { [foreign.id]: domain.x509Bundle() }, crl: [Buffer.from([1])] })
    await heard.updated()
    stream.write({ svids: [domain.svid(worker)] })
    const { svids, bundles, revocationLists } = await heard.updated(2)
    expect(svids.map(({ id, hint }) => [id.toString(), hint])).toEqual([[worker.toString(), undefined]])
    expect(bundles.x509BundleFor(foreign)).toBeUndefined()
    expect(bundles.trustDomains.map(({ name }) => name)).toEqual([trustDomain.name])
    expect(revocationLists).toEqual([])
  })

  it('WLA-4.6-a: bundles are found by trust domain, also under a bare name; none means untrusted', async () => {
    const answer = client.fetchX509Bundles()
    const stream = await agent.stream('fetchX509Bundles')
    stream.write({ bundles: { [trustDomain.id]: domain.x509Bundle(), [foreign.name]: domain.x509Bundle() }, crl: [] })
    const { bundles } = await answer
    expect(bundles.x509BundleFor(trustDomain)?.trustDomain.name).toBe(trustDomain.name)
    expect(bundles.x509BundleFor(foreign)?.trustDomain.name).toBe(foreign.name)
    expect(bundles.x509BundleFor(TrustDomain.parse('unknown.example'))).toBeUndefined()
  })

  it('WLA-5.2.1-c, WLA-8-a: of two SVIDs with one hint the first is kept; no hint is no duplicate', async () => {
    const duplicates = recorded(hintDuplicated)
    const { heard } = watchX509()
    const stream = await agent.stream('fetchX509SVID')
    const hinted = [domain.svid(registry, 'x'), domain.svid(worker, 'x')]
    stream.write({ svids: [...hinted, domain.svid(registry), domain.svid(worker)] })
    const { svids } = await heard.updated()
    expect(svids.map(({ id, hint }) => [id.path, hint])).toEqual([
      [registry.path, 'x'],
      [registry.path, undefined],
      [worker.path, undefined],
    ])
    expect(duplicates.events).toEqual([{ svidType: 'x509', hint: 'x', leftOut: [worker.toString()] }])
  })
})

describe('bundle streams', () => {
  it('WLA-5.2.2-a: a message without bundles is discarded, with an event', async () => {
    const failures = recorded(trustBundleUpdateFailed)
    const heard = new Heard<unknown>()
    client.watchX509Bundles(heard)
    const stream = await agent.stream('fetchX509Bundles')
    stream.write({ bundles: {}, crl: [] })
    expect((await heard.failed()).error).toMatchObject({ code: 'ERR_WORKLOAD_API_BAD_MESSAGE', field: 'bundles' })
    expect(failures.events).toMatchObject([{ bundleType: 'x509', field: 'bundles' }])
  })

  it('WLA-5.2.1-a: X.509 bundles are of no use for JWTs, and the other way round', async () => {
    const x509 = client.fetchX509Bundles()
    ;(await agent.stream('fetchX509Bundles')).write({ bundles: { [trustDomain.id]: domain.x509Bundle() }, crl: [] })
    expect(await x509.then(({ bundles }) => 'jwtBundleFor' in bundles)).toBe(false)
    const jwt = client.fetchJwtBundles()
    ;(await agent.stream('fetchJWTBundles')).write(domain.jwtBundles())
    expect('x509BundleFor' in (await jwt)).toBe(false)
  })

  it.each([
    ['an empty JWK set', '{"keys":[]}'],
    ['an empty value, as older agents send it', ''],
  ])('WLA-6.2.2-a: %s means no authority', async (_name, json) => {
    const answer = client.fetchJwtBundles()
    const stream = await agent.stream('fetchJWTBundles')
    stream.write({ bundles: { ...domain.jwtBundles().bundles, [foreign.id]: Buffer.from(json) } })
    const bundles = await answer
    expect(bundles.jwtBundleFor(foreign)?.keyIds).toEqual([])
    expect(bundles.jwtBundleFor(trustDomain)?.keyIds).toHaveLength(1)
  })

  it.each(['{', '{"keys":null}', '[]'])('WLA-6.2.2-a: %s as a JWK set is discarded', async (json) => {
    const answer = client.fetchJwtBundles()
    const stream = await agent.stream('fetchJWTBundles')
    stream.write({ bundles: { [trustDomain.id]: Buffer.from(json) } })
    await expect(answer).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_BAD_MESSAGE' })
  })
})

describe('JWT-SVIDs', () => {
  it.each([{ audience: [] }, { audience: [''] }, { audience: ['a', ''] }])(
    'WLA-6.2.1-a: %j is refused before the call',
    async (request) => {
      await expect(client.fetchJwtSvids(request)).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT' })
      expect(agent.calls).toEqual([])
    },
  )

  it('WLA-6.2.1-b: all identities, each with its token', async () => {
    agent.unary.fetchJWTSVID = async (call, callback) =>
      callback(null, {
        svids: [
          await domain.jwt(call.request.audience, registry, 'x'),
          await domain.jwt(call.request.audience, worker),
        ],
      })
    const svids = await client.fetchJwtSvids({ audience: ['a', 'b'] })
    expect(svids.map(({ id, hint, audience }) => [id.path, hint, audience])).toEqual([
      [registry.path, 'x', ['a', 'b']],
      [worker.path, undefined, ['a', 'b']],
    ])
    expect(agent.calls[0]?.request).toMatchObject({ audience: ['a', 'b'], spiffeId: '' })
  })

  it.each([
    ['no SVID', async () => [], 'svids'],
    ['an empty token', async () => [{ spiffeId: registry.toString(), svid: '', hint: '' }], 'svids[0].svid'],
    ['an empty ID', async () => [{ ...(await domain.jwt(['a'])), spiffeId: '' }], 'svids[0].spiffe_id'],
    ['no token', async () => [{ spiffeId: registry.toString(), svid: 'no token', hint: '' }], 'svids[0].svid'],
    [
      'another subject',
      async () => [{ ...(await domain.jwt(['a'])), spiffeId: worker.toString() }],
      'svids[0].spiffe_id',
    ],
    ['another identity than asked', async () => [await domain.jwt(['a'], worker)], 'svids[0].spiffe_id'],
    ['another audience', async () => [await domain.jwt(['b'])], 'svids[0].svid'],
  ])('WLA-6.2.1-b: an answer with %s is discarded', async (_name, svids, field) => {
    agent.unary.fetchJWTSVID = async (_call, callback) => callback(null, { svids: await svids() })
    await expect(client.fetchJwtSvids({ audience: ['a'], subject: registry })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_BAD_MESSAGE',
      field,
    })
  })

  it('an agent that does not answer is waited for 5 s, and the call is cancelled', async () => {
    let cancelled = false
    agent.unary.fetchJWTSVID = (call) => void call.on('cancelled', () => (cancelled = true))
    const answer = expect(client.fetchJwtSvids({ audience: ['a'] })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_DEADLINE',
    })
    await eventually(() => expect(agent.calls).toHaveLength(1))
    await clock.advance(5000)
    await answer
    await eventually(() => expect(cancelled).toBe(true))
  })

  it('a signal gives up a call with its reason', async () => {
    const stop = new AbortController()
    const answer = expect(client.fetchJwtSvids({ audience: ['a'] }, { signal: stop.signal })).rejects.toThrow('enough')
    await eventually(() => expect(agent.calls).toHaveLength(1))
    stop.abort(new Error('enough'))
    await answer
  })

  it('an error of the agent never shows a token', async () => {
    const { svid } = await domain.jwt(['a'])
    agent.unary.validateJWTSVID = (_call, callback) =>
      callback({ code: Status.INTERNAL, details: `cannot parse ${svid} at all` })
    const error: WorkloadApiError = await client.validateJwtSvid({ token: svid, audience: 'a' }).catch((each) => each)
    expect(error.message).toContain('[token]')
    expect(JSON.stringify([error.message, error.cure, `${error.cause}`])).not.toContain(svid.slice(0, 20))
  })
})

describe('remote validation', () => {
  it('WLA-6.3-a, WLA-6.2.3-a: the agent judges, the rest is read out of the token', async () => {
    const { svid } = await domain.jwt(['a'])
    agent.unary.validateJWTSVID = (_call, callback) =>
      callback(null, { spiffeId: registry.toString(), claims: { sub: registry.toString() } })
    const validated = await client.validateJwtSvid({ token: new Secret(svid), audience: 'a' })
    expect(validated.id.toString()).toBe(registry.toString())
    expect(validated.audience).toEqual(['a'])
    expect(agent.calls[0]?.request).toMatchObject({ audience: 'a', svid })
  })

  it.each([
    ['another ID', { spiffeId: worker.toString(), claims: {} }, 'spiffe_id'],
    ['no ID', { spiffeId: '', claims: {} }, 'spiffe_id'],
    ['no claims', { spiffeId: registry.toString() }, 'claims'],
  ])('WLA-6.2.3-a: an answer with %s is discarded', async (_name, response, field) => {
    const { svid } = await domain.jwt(['a'])
    agent.unary.validateJWTSVID = (_call, callback) => callback(null, response)
    await expect(client.validateJwtSvid({ token: svid, audience: 'a' })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_BAD_MESSAGE',
      field,
    })
  })

  it('InvalidArgument means that the token is not valid', async () => {
    const { svid } = await domain.jwt(['a'])
    agent.unary.validateJWTSVID = (_call, callback) =>
      callback({ code: Status.INVALID_ARGUMENT, details: 'token has expired' })
    await expect(client.validateJwtSvid({ token: svid, audience: 'a' })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_TOKEN_REJECTED',
      grpcStatus: 'INVALID_ARGUMENT',
    })
  })

  it('an empty token is rejected, an empty audience refused, without a call', async () => {
    await expect(client.validateJwtSvid({ token: '', audience: 'a' })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_TOKEN_REJECTED',
    })
    await expect(client.validateJwtSvid({ token: 't', audience: '' })).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT',
    })
    expect(agent.calls).toEqual([])
  })
})

describe('an agent that cannot be reached', () => {
  it('socket missing', async () => {
    agent.die()
    await expect(client.fetchX509Context()).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_SOCKET_MISSING',
      message: expect.stringContaining(agent.endpoint),
      cure: expect.stringContaining('Start'),
    })
  })

  it('nothing listens', async () => {
    agent.die()
    // A process that is killed leaves its socket behind; so does this server, whose file is put back.
    await leaveSocketBehind(agent.socketPath)
    await expect(client.fetchX509Context()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_SOCKET_REFUSED' })
  })

  it('no permission on the socket', async () => {
    await chmod(agent.socketPath, 0o600)
    await asNobody(async () => {
      await expect(client.fetchJwtSvids({ audience: ['a'] })).rejects.toMatchObject({
        code: 'ERR_WORKLOAD_API_SOCKET_DENIED',
        cure: expect.stringContaining('permission'),
      })
    })
  })

  it('no socket but a plain file', async () => {
    agent.die()
    await writeFile(agent.socketPath, '')
    await expect(client.fetchX509Context()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_SOCKET_REFUSED' })
  })
})

it('calls after close are errors', async () => {
  await client.close()
  await client.close()
  const closed = { code: 'ERR_WORKLOAD_API_CLOSED' }
  await expect(client.fetchX509Context()).rejects.toMatchObject(closed)
  await expect(client.fetchJwtSvids({ audience: ['a'] })).rejects.toMatchObject(closed)
  await expect(client.validateJwtSvid({ token: 't', audience: 'a' })).rejects.toMatchObject(closed)
  expect(() => client.watchJwtBundles({ update: () => undefined })).toThrow(expect.objectContaining(closed))
})

async function leaveSocketBehind(path: string): Promise<void> {
  const { spawnSync } = await import('node:child_process')
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
}

/** Root may open everything, so a test that runs as root steps down for a moment. */
async function asNobody(run: () => Promise<void>): Promise<void> {
  const { geteuid, seteuid } = process
  if (geteuid?.() !== 0 || !seteuid) {
    await chmod(agent.socketPath, 0o000)
    return run()
  }
  seteuid.call(process, 65_534)
  try {
    await run()
  } finally {
    seteuid.call(process, 0)
  }
}
