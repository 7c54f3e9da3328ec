import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type JwtSvidAttached,
  type JwtSvidAttachFailed,
  type JwtSvidClientOptions,
  jwtSvidAttached,
  jwtSvidAttachFailed,
  jwtSvidClientInterceptor,
  jwtSvidClientOptions,
  jwtSvidServerInterceptor,
} from '@chaveiro/grpc'
import { systemClock } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import type { JwtSvid, JwtSvidSource } from '@chaveiro/spiffe'
import { credentials, InterceptingCall, type Interceptor, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { TestAuthority } from './authority.js'
import { EchoClient, type EchoServer, kinds, startEcho } from './echo.js'
import { Events } from './events.js'

/** A day ahead of grpc-js, whose own deadlines thus never come first. */
const clock = new FakeClock({ wallMs: systemClock.wallMs() + 86_400_000, seed: 1 })
const ours = new TestAuthority('example.org', clock)
const audience = 'echo.example'
const anonymous = 'spiffe://example.org/ns/app/sa/caller'

class TestSource implements JwtSvidSource {
  asked: { audience: string; signal: AbortSignal | undefined }[] = []
  answer: (audience: string) => Promise<JwtSvid> = async (audience) => ours.jwtSvid('/ns/app/sa/caller', { audience })

  fetchJwtSvid({ audience, signal }: { audience: string; signal?: AbortSignal }): Promise<JwtSvid> {
    this.asked.push({ audience, signal })
    return this.answer(audience)
  }
}

const never = (): Promise<JwtSvid> => new Promise(() => {})
const options = (source: JwtSvidSource, changes: Partial<JwtSvidClientOptions> = {}): JwtSvidClientOptions => ({
  source,
  audience,
  clock,
  ...changes,
})

function serve(address?: string): Promise<EchoServer> {
  const policy = { '/test.Echo/*': [anonymous] }
  const bundles = { jwtBundleFor: () => ours.jwtBundle() }
  const interceptors = [jwtSvidServerInterceptor({ bundles, audience, policy, service: 'echo', clock })]
  return startEcho({ interceptors, ...(address !== undefined && { address }) })
}

function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => expect.unreachable('the call went through'),
    (error) => error,
  )
}

describe('calls that bear a token', () => {
  it('all four kinds, on loopback, with one event each and no token in it', async () => {
    using attached = new Events<JwtSvidAttached>(jwtSvidAttached)
    const source = new TestSource()
    await using server = await serve()
    await using client = new EchoClient(server.target, { interceptors: [jwtSvidClientInterceptor(options(source))] })
    for (const kind of kinds) expect(await client.call(kind)).toBe('abc')
    expect(source.asked.map(({ audience }) => audience)).toEqual(kinds.map(() => audience))
    expect(attached.seen).toHaveLength(kinds.length)
    expect(attached.last).toEqual({
      audience,
      subject: anonymous,
      expiresInSeconds: expect.closeTo(300, -1),
      method: '/test.Echo/Bidi',
      correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    expect(new Set(attached.seen.map(({ correlationId }) => correlationId)).size).toBe(kinds.length)
  })

  it('on a unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-grpc-'))
    try {
      await using server = await serve(`unix:${join(folder, 'echo.sock')}`)
      const interceptors = [jwtSvidClientInterceptor(options(new TestSource()))]
      await using client = new EchoClient(server.target, { interceptors })
      for (const kind of kinds) expect(await client.call(kind)).toBe('abc')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it("the application's metadata is left as it was, and its correlation id is kept", async () => {
    using attached = new Events<JwtSvidAttached>(jwtSvidAttached)
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(new TestSource())))
    const metadata = new Metadata()
    metadata.set('x-correlation-id', 'order-17')
    await client.call('unary', metadata)
    expect(metadata.getMap()).toEqual({ 'x-correlation-id': 'order-17' })
    expect(attached.last?.correlationId).toBe('order-17')
  })

  it('an authorization that the application set is replaced', async () => {
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(new TestSource())))
    const metadata = new Metadata()
    metadata.set('authorization', 'Basic xyz')
    expect(await client.call('unary', metadata)).toBe('abc')
  })

  it('100 calls at once, while tokens take their time', async () => {
    const source = new TestSource()
    const waiting: (() => void)[] = []
    source.answer = (audience) =>
      new Promise((resolve) => waiting.push(() => resolve(ours.jwtSvid('/ns/app/sa/caller', { audience }))))
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(source)))
    const calls = Array.from({ length: 100 }, (_, n) => client.call(kinds[n % 4] ?? 'unary'))
    await expect.poll(() => waiting.length).toBe(100)
    for (const go of waiting.reverse()) go()
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, () => 'abc'))
    expect(server.handled).toBe(100)
  })

  it('further interceptors and invocation transformers of the application go on working', async () => {
    const passed: string[] = []
    const note: Interceptor = (callOptions, nextCall) => {
      passed.push(callOptions.method_definition.path)
      return new InterceptingCall(nextCall(callOptions))
    }
    await using server = await serve()
    const others = jwtSvidClientOptions(options(new TestSource()), {
      interceptors: [note],
      callInvocationTransformer: (properties) => {
        passed.push('transformed')
        return properties
      },
    })
    await using client = new EchoClient(server.target, others)
    expect(await client.call('unary')).toBe('abc')
    expect(passed).toEqual(['transformed', '/test.Echo/Unary'])
  })
})

describe('JWT-7 a token is not sent in plaintext off the machine', () => {
  // Judged by the target alone and before connecting: none of these causes traffic.
  const remote = [
    '192.0.2.1:1',
    'echo.invalid:1',
    'dns:echo.invalid:1',
    'dns:///localhost.invalid:1',
    'dns://127.0.0.1/echo.invalid:1',
    'ipv4:192.0.2.1:1',
    'ipv4:127.0.0.1:1,192.0.2.1:1',
    'ipv6:[2001:db8::1]:1',
    '[::]:1',
    '0.0.0.0:1',
    '127.0.0.1.invalid:1',
    'localhost.:1',
  ]
  it.each(remote)('%s', async (target) => {
    using failed = new Events<JwtSvidAttachFailed>(jwtSvidAttachFailed)
    const source = new TestSource()
    for (const clientOptions of [
      { interceptors: [jwtSvidClientInterceptor(options(source))] },
      jwtSvidClientOptions(options(source)),
    ]) {
      await using client = new EchoClient(target, clientOptions)
      for (const kind of kinds) {
        const error = await failureOf(client.call(kind))
        expect(error).toMatchObject({
          code: status.FAILED_PRECONDITION,
          cause: { code: 'ERR_GRPC_PLAINTEXT_REFUSED', cure: expect.any(String) },
        })
      }
    }
    expect(source.asked).toEqual([])
    expect(failed.last).toMatchObject({ reason: 'plaintext_channel', errorCode: 'ERR_GRPC_PLAINTEXT_REFUSED' })
  })

  it.each([
    '127.0.0.1:1',
    '127.8.8.8:1',
    'localhost:1',
    'dns:localhost:1',
    'dns:///localhost:1',
    '[::1]:1',
    'ipv4:127.0.0.1:1',
    'ipv6:[::1]:1',
    'unix:/nowhere/x.sock',
    'unix:///nowhere/x.sock',
  ])('a local target may have it: %s', async (target) => {
    using attached = new Events<JwtSvidAttached>(jwtSvidAttached)
    await using client = new EchoClient(target, {
      interceptors: [jwtSvidClientInterceptor(options(new TestSource()))],
    })
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    expect(attached.seen).toHaveLength(1)
  })

  it('allowPlaintext lifts it', async () => {
    using attached = new Events<JwtSvidAttached>(jwtSvidAttached)
    const interceptors = [jwtSvidClientInterceptor(options(new TestSource(), { allowPlaintext: true }))]
    // An address that the machine itself refuses to connect to: nothing leaves it.
    await using client = new EchoClient('0.0.0.0:1', { interceptors })
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    expect(attached.seen).toHaveLength(1)
  })

  it('a TLS channel to anywhere may have it, when the options know the channel', async () => {
    using attached = new Events<JwtSvidAttached>(jwtSvidAttached)
    const tls = credentials.createSsl()
    const { interceptors = [] } = jwtSvidClientOptions(options(new TestSource()))
    await using knowing = new EchoClient('0.0.0.0:1', jwtSvidClientOptions(options(new TestSource())), tls)
    await expect(knowing.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    expect(attached.seen).toHaveLength(1)
    await using bare = new EchoClient('0.0.0.0:1', { interceptors }, tls)
    await expect(bare.call('unary')).rejects.toMatchObject({ code: status.FAILED_PRECONDITION })
    expect(attached.seen).toHaveLength(1)
  })

  it('a proxy of the environment is another machine, wherever it listens', async () => {
    const before = process.env.grpc_proxy
    process.env.grpc_proxy = 'http://127.0.0.1:9'
    try {
      const source = new TestSource()
      const interceptors = [jwtSvidClientInterceptor(options(source))]
      await using bare = new EchoClient('echo.invalid:1', { interceptors })
      await expect(bare.call('unary')).rejects.toMatchObject({ code: status.FAILED_PRECONDITION })
      await using server = await serve()
      await using knowing = new EchoClient(server.target, jwtSvidClientOptions(options(source)))
      expect(await knowing.call('unary')).toBe('abc')
    } finally {
      if (before === undefined) delete process.env.grpc_proxy
      else process.env.grpc_proxy = before
    }
  })
})

describe('calls that cannot have a token', () => {
  it.each(kinds)('%s: a failing source is UNAVAILABLE with its error as the cause', async (kind) => {
    using failed = new Events<JwtSvidAttachFailed>(jwtSvidAttachFailed)
    const source = new TestSource()
    const reason = Object.assign(new Error('agent says: hidden words'), { code: 'ERR_WORKLOAD_API_NO_IDENTITY' })
    source.answer = () => Promise.reject(reason)
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(source)))
    const error = await failureOf(client.call(kind))
    expect(error.code).toBe(status.UNAVAILABLE)
    expect(error.cause).toBe(reason)
    expect(error.details).toContain('ERR_WORKLOAD_API_NO_IDENTITY')
    expect(error.details).not.toContain('hidden words')
    expect(failed.last).toMatchObject({ reason: 'token_unavailable', errorCode: 'ERR_WORKLOAD_API_NO_IDENTITY' })
    expect(server.handled).toBe(0)
  })

  it('a source that throws at once is UNAVAILABLE too', async () => {
    const source = new TestSource()
    source.answer = () => {
      throw new RangeError('no')
    }
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(source)))
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
  })

  it('works again when the source does', async () => {
    const source = new TestSource()
    const healthy = source.answer
    source.answer = () => Promise.reject(new Error('away'))
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(source)))
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    source.answer = healthy
    expect(await client.call('unary')).toBe('abc')
  })

  it.each([
    { name: 'an expired token', content: { lifeSeconds: -1 } },
    { name: 'a token for another audience', content: { audience: 'vault.example' } },
  ])('$name is not sent', async ({ content }) => {
    const source = new TestSource()
    source.answer = async () => ours.jwtSvid('/ns/app/sa/caller', content)
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(source)))
    const error = await failureOf(client.call('unary'))
    expect(error).toMatchObject({ code: status.UNAVAILABLE, cause: { code: 'ERR_GRPC_TOKEN_UNUSABLE' } })
    expect(server.handled).toBe(0)
  })

  it.each(kinds)('%s: the deadline holds while the token is awaited, and ends the wait', async (kind) => {
    const source = new TestSource()
    source.answer = never
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(source)))
    const ended = failureOf(client.call(kind, new Metadata(), { deadline: clock.wallMs() + 5000 }))
    await expect.poll(() => source.asked.length).toBe(1)
    await clock.advance(4990)
    expect(source.asked[0]?.signal?.aborted).toBe(false)
    await clock.advance(10)
    expect((await ended).code).toBe(status.DEADLINE_EXCEEDED)
    expect(source.asked[0]?.signal?.aborted).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  it('without a deadline the longest wait ends as UNAVAILABLE', async () => {
    const source = new TestSource()
    source.answer = never
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(source, { tokenTimeoutMs: 1000 })))
    const ended = failureOf(client.call('unary'))
    await expect.poll(() => source.asked.length).toBe(1)
    await clock.advance(1000)
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE, cause: { code: 'ERR_GRPC_TOKEN_TIMEOUT' } })
    expect(clock.pendingTimers).toBe(0)
  })

  it('a deadline of the real clock, passed while the token came, is not forgotten', async () => {
    const source = new TestSource()
    const late: { give?: () => void } = {}
    source.answer = () => new Promise((resolve) => (late.give = () => resolve(ours.jwtSvid('/x'))))
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(source)))
    const ended = failureOf(client.call('unary', new Metadata(), { deadline: clock.wallMs() + 1000 }))
    await expect.poll(() => late.give).toBeDefined()
    clock.stepWall(2000)
    late.give?.()
    expect((await ended).code).toBe(status.DEADLINE_EXCEEDED)
    clock.stepWall(-2000)
  })

  it('a cancelled call stops waiting', async () => {
    const source = new TestSource()
    source.answer = never
    await using server = await serve()
    await using client = new EchoClient(server.target, jwtSvidClientOptions(options(source)))
    const same = (value: Buffer): Buffer => value
    const ended = new Promise<ServiceError | null>((resolve) => {
      const call = client.client.makeUnaryRequest('/test.Echo/Unary', same, same, Buffer.from('x'), resolve)
      void expect
        .poll(() => source.asked.length)
        .toBe(1)
        .then(() => call.cancel())
    })
    expect((await ended)?.code).toBe(status.CANCELLED)
    expect(source.asked[0]?.signal?.aborted).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('options that make no sense', () => {
  it.each([{ audience: '' }, { tokenTimeoutMs: 0 }, { tokenTimeoutMs: Number.NaN }])('%j', (changes) => {
    expect(() => jwtSvidClientInterceptor(options(new TestSource(), changes))).toThrow(
      expect.objectContaining({ code: 'ERR_GRPC_OPTIONS_INVALID' }),
    )
  })
})
