import { generateKeyPairSync } from 'node:crypto'
import {
  callerOf,
  GrpcAuthError,
  type JwtSvidRejected,
  type JwtSvidServerOptions,
  type JwtSvidValidated,
  jwtSvidRejected,
  jwtSvidServerInterceptor,
  jwtSvidValidated,
  type UnsafeFallbackAdmitted,
  unsafeFallbackAdmitted,
} from '@chaveiro/grpc'
import { FakeClock } from '@chaveiro/rotation/testing'
import { BundleSet } from '@chaveiro/spiffe'
import { type ServiceError, status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { TestAuthority } from './authority.js'
import { authorization, EchoClient, type EchoServer, kinds, startEcho } from './echo.js'
import { Events } from './events.js'
import { rawCall } from './raw-http2.js'

const clock = new FakeClock({ wallMs: Date.UTC(2030, 0, 1), seed: 1 })
const ours = new TestAuthority('example.org', clock)
const foreign = new TestAuthority('foreign.example', clock)
const strangers = new TestAuthority('stranger.example', clock)
const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const caller = 'spiffe://example.org/ns/app/sa/caller'

function bundles(): JwtSvidServerOptions['bundles'] {
  return { jwtBundleFor: (td) => [ours, foreign].find(({ trustDomain }) => trustDomain.equals(td))?.jwtBundle() }
}

function options(changes: Partial<JwtSvidServerOptions> = {}): JwtSvidServerOptions {
  const policy = { '/test.Echo/*': [caller] }
  return { bundles: bundles(), audience: 'echo.example', policy, service: 'echo', clock, ...changes }
}

function serve(
  changes: Partial<JwtSvidServerOptions> = {},
  onCall?: Parameters<typeof startEcho>[0],
): Promise<EchoServer> {
  return startEcho({ interceptors: [jwtSvidServerInterceptor(options(changes))], ...onCall })
}

/** The claims of a token for the caller, unless told otherwise. */
const bearer = (content: Parameters<TestAuthority['token']>[1] = {}, path = '/ns/app/sa/caller'): string =>
  `Bearer ${ours.token(path, content)}`

const refusals: { name: string; send: () => string[]; code?: status; reason: string; told?: string }[] = [
  { name: 'no token', send: () => [], reason: 'token_missing' },
  { name: 'JWT-5.3-a two tokens in one value', send: () => [`${bearer()}, ${bearer()}`], reason: 'token_repeated' },
  {
    name: 'a scheme other than Bearer',
    send: () => [bearer().replace('Bearer', 'Basic')],
    reason: 'scheme_unsupported',
  },
  { name: 'a token without a scheme', send: () => [ours.token('/ns/app/sa/caller')], reason: 'scheme_unsupported' },
  { name: 'JWT-1-a something that is no token', send: () => ['Bearer abc'], reason: 'token_malformed' },
  {
    name: 'JWT-3.2-a another audience',
    send: () => [bearer({ audience: 'vault.example' })],
    reason: 'audience_mismatch',
  },
  { name: 'JWT-3.2-a no audience', send: () => [bearer({ claims: { aud: undefined } })], reason: 'token_malformed' },
  { name: 'JWT-3.3-a an expired token', send: () => [bearer({ lifeSeconds: -61 })], reason: 'token_expired' },
  { name: 'a token from the future', send: () => [bearer({ claims: { nbf: 4e9 } })], reason: 'token_not_yet_valid' },
  {
    name: 'an unknown kid',
    send: () => [bearer({ header: { kid: 'x' } })],
    reason: 'key_unknown',
    told: 'signature_invalid',
  },
  { name: 'JWT-4-a a signature by another key', send: () => [bearer({ key: otherKey })], reason: 'signature_invalid' },
  {
    name: 'JWT-2.1-a alg none, with a signature',
    send: () => [bearer({ header: { alg: 'none' } })],
    reason: 'algorithm_refused',
    told: 'signature_invalid',
  },
  {
    name: 'JWT-1-a alg none, without a signature',
    send: () => [bearer({ header: { alg: 'none' } }).replace(/[^.]*$/, '')],
    reason: 'token_malformed',
  },
  {
    name: 'JWT-2.1-a alg HS256',
    send: () => [bearer({ header: { alg: 'HS256' } })],
    reason: 'algorithm_refused',
    told: 'signature_invalid',
  },
  {
    name: 'JWT-3.1-a a subject that is no SPIFFE ID',
    send: () => [bearer({ claims: { sub: 'alice' } })],
    reason: 'subject_invalid',
  },
  {
    name: 'JWT-4-a a subject of another trust domain, signed with our key',
    send: () => [bearer({ claims: { sub: 'spiffe://foreign.example/ns/app/sa/caller' } })],
    reason: 'key_unknown',
    told: 'signature_invalid',
  },
  {
    name: 'a trust domain without a bundle',
    send: () => [`Bearer ${strangers.token('/ns/app/sa/caller')}`],
    reason: 'trust_domain_unknown',
    told: 'signature_invalid',
  },
  {
    name: 'a valid identity that the policy does not name',
    send: () => [bearer({}, '/ns/app/sa/other')],
    code: status.PERMISSION_DENIED,
    reason: 'not_authorized',
  },
  {
    name: 'a valid identity of another trust domain with the same path',
    send: () => [`Bearer ${foreign.token('/ns/app/sa/caller')}`],
    code: status.PERMISSION_DENIED,
    reason: 'not_authorized',
  },
]

describe('refused calls', () => {
  it.each(refusals)('$name', async ({ send, code = status.UNAUTHENTICATED, reason, told = reason }) => {
    using rejected = new Events<JwtSvidRejected>(jwtSvidRejected)
    await using server = await serve()
    await using client = new EchoClient(server.target)
    for (const kind of kinds) {
      const sent = send()
      const error: ServiceError = await client.call(kind, authorization(...sent)).then(
        () => expect.unreachable(`${kind} was admitted`),
        (refused) => refused,
      )
      expect({ kind, code: error.code, details: error.details }).toMatchObject({
        kind,
        code,
        details: expect.stringContaining(`refused (${told})`),
      })
      expect(rejected.last).toMatchObject({ reason, service: 'echo' })
      expect(error.metadata.get('x-correlation-id')).toEqual([rejected.last?.correlationId])
      const published = JSON.stringify([rejected.seen, error.message, error.metadata])
      for (const part of sent
        .join(' ')
        .split(/[ .]/)
        .filter((text) => text.length > 20)) {
        expect(published).not.toContain(part)
      }
    }
    expect(server.handled).toBe(0)
    expect(rejected.seen.map(({ method }) => method)).toEqual([
      '/test.Echo/Unary',
      '/test.Echo/ClientStream',
      '/test.Echo/ServerStream',
      '/test.Echo/Bidi',
    ])
  })

  it('a method that the policy does not name, in the words of a caller that it does not name', async () => {
    using rejected = new Events<JwtSvidRejected>(jwtSvidRejected)
    await using server = await serve({ policy: { '/test.Echo/Unary': [caller], '/test.Echo/Bidi': [] } })
    await using client = new EchoClient(server.target)
    const refused = { code: status.PERMISSION_DENIED, details: expect.stringContaining('refused (not_authorized)') }
    await expect(client.call('serverStream', authorization(bearer()))).rejects.toMatchObject(refused)
    expect(rejected.last).toMatchObject({ reason: 'method_not_named', subject: caller })
    await expect(client.call('bidi', authorization(bearer()))).rejects.toMatchObject(refused)
    expect(rejected.last).toMatchObject({ reason: 'not_authorized', subject: caller })
    expect(server.handled).toBe(0)
  })

  it('JWT-5.3-a of two authorization headers Node shows the first alone, so a valid one behind it helps nobody', async () => {
    using rejected = new Events<JwtSvidRejected>(jwtSvidRejected)
    const callers: unknown[] = []
    await using server = await serve({}, { onCall: (call) => callers.push(callerOf(call)?.id.toString()) })
    const port = Number(server.target.split(':')[1])
    const named: [string, string] = ['authorization', bearer()]
    const unnamed: [string, string] = ['authorization', bearer({}, '/ns/app/sa/other')]
    await rawCall(port, '/test.Echo/Unary', [unnamed, named])
    expect({ callers, reason: rejected.last?.reason }).toEqual({ callers: [], reason: 'not_authorized' })
    await rawCall(port, '/test.Echo/Unary', [named, unnamed])
    expect(callers).toEqual([caller])
  })

  it('no request message is read', async () => {
    let read = 0
    await using server = await serve(
      {},
      {
        deserialize: (bytes) => {
          read += 1
          return bytes
        },
      },
    )
    await using client = new EchoClient(server.target)
    for (const kind of kinds) await expect(client.call(kind)).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
    expect(read).toBe(0)
    await client.call('unary', authorization(bearer()))
    expect(read).toBe(1)
  })

  it('an event of an unverified token does not repeat what the token says', async () => {
    using rejected = new Events<JwtSvidRejected>(jwtSvidRejected)
    await using server = await serve()
    await using client = new EchoClient(server.target)
    await expect(client.call('unary', authorization(bearer({ key: otherKey })))).rejects.toThrow()
    expect(rejected.last).not.toHaveProperty('subject')
  })

  it('what fails in an unforeseen way is refused as INTERNAL', async () => {
    const broken = {
      jwtBundleFor: () => {
        throw new TypeError('boom')
      },
    }
    using rejected = new Events<JwtSvidRejected>(jwtSvidRejected)
    await using server = await serve({ bundles: broken })
    await using client = new EchoClient(server.target)
    const error: ServiceError = await client.call('unary', authorization(bearer())).then(
      () => expect.unreachable('admitted'),
      (refused) => refused,
    )
    expect(error.code).toBe(status.INTERNAL)
    expect(error.details).not.toContain('boom')
    expect(rejected.last).toMatchObject({ reason: 'internal_error', errorCode: 'TypeError' })
    expect(server.handled).toBe(0)
  })
})

describe('admitted calls', () => {
  it('all four kinds reach their handlers, which learn the caller and not the token', async () => {
    const seen: unknown[] = []
    await using server = await serve(
      {},
      { onCall: (call) => seen.push([callerOf(call)?.id.toString(), call.metadata.get('authorization')]) },
    )
    await using client = new EchoClient(server.target)
    for (const kind of kinds) expect(await client.call(kind, authorization(bearer()))).toBe('abc')
    expect(seen).toEqual(kinds.map(() => [caller, []]))
  })

  it.each(['bearer', 'BEARER', 'BeArEr'])('JWT-5.3-a the scheme may be written %s', async (scheme) => {
    await using server = await serve()
    await using client = new EchoClient(server.target)
    expect(await client.call('unary', authorization(bearer().replace('Bearer', scheme)))).toBe('abc')
  })

  it('the event names caller, method, remaining life and the correlation id that the caller sent', async () => {
    using validated = new Events<JwtSvidValidated>(jwtSvidValidated)
    await using server = await serve()
    await using client = new EchoClient(server.target)
    const metadata = authorization(bearer())
    metadata.set('x-correlation-id', 'order-17')
    await client.call('unary', metadata)
    expect(validated.last).toEqual({
      service: 'echo',
      method: '/test.Echo/Unary',
      subject: caller,
      expiresInSeconds: 300,
      correlationId: 'order-17',
    })
  })

  it.each(['a b', 'x'.repeat(129), 'a"b', '{}'])('an unfit correlation id is replaced: %j', async (sent) => {
    using validated = new Events<JwtSvidValidated>(jwtSvidValidated)
    await using server = await serve()
    await using client = new EchoClient(server.target)
    const metadata = authorization(bearer())
    metadata.set('x-correlation-id', sent)
    await client.call('unary', metadata)
    expect(validated.last?.correlationId).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('concurrent calls of different callers are told apart', async () => {
    const paths = Array.from({ length: 40 }, (_, n) => `/ns/app/sa/caller-${n}`)
    const seen = new Map<unknown, string | undefined>()
    await using server = await serve(
      { policy: { '/test.Echo/*': [{ prefix: 'spiffe://example.org/ns/app' }] } },
      { onCall: (call) => seen.set(call.metadata.get('who')[0], callerOf(call)?.id.path) },
    )
    await using client = new EchoClient(server.target)
    const call = (path: string, n: number): Promise<string> => {
      const metadata = authorization(bearer({}, path))
      metadata.set('who', path)
      return client.call(kinds[n % kinds.length] ?? 'unary', metadata)
    }
    expect(new Set(await Promise.all(paths.map(call)))).toEqual(new Set(['abc']))
    expect([...seen]).toEqual(expect.arrayContaining(paths.map((path) => [path, path])))
  })

  it('a rotated JWT key is taken from the bundle; tokens of a dropped key are refused', async () => {
    const rotating = new TestAuthority('rotating.example', clock)
    const policy = { '/test.Echo/*': [{ trustDomain: 'rotating.example' }] }
    await using server = await serve({ policy, bundles: { jwtBundleFor: () => rotating.jwtBundle() } })
    await using client = new EchoClient(server.target)
    const old = authorization(`Bearer ${rotating.token('/a')}`)
    rotating.addJwtKey()
    const fresh = authorization(`Bearer ${rotating.token('/a')}`)
    expect(await client.call('unary', old)).toBe('abc')
    expect(await client.call('unary', fresh)).toBe('abc')
    rotating.dropOldJwtKeys()
    await expect(client.call('unary', old)).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
    expect(await client.call('unary', fresh)).toBe('abc')
  })

  it('a method named open is served without a token, and has no caller', async () => {
    const callers: unknown[] = []
    await using server = await serve(
      { policy: { '/test.Echo/*': [caller], '/test.Echo/Unary': 'open' } },
      { onCall: (call) => callers.push(callerOf(call)) },
    )
    await using client = new EchoClient(server.target)
    expect(await client.call('unary')).toBe('abc')
    expect(callers).toEqual([undefined])
    await expect(client.call('bidi')).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
  })

  it('a set of bundles serves as the source', async () => {
    const set = new BundleSet()
    set.add(ours.jwtBundle())
    await using server = await serve({ bundles: set })
    await using client = new EchoClient(server.target)
    expect(await client.call('unary', authorization(bearer()))).toBe('abc')
  })
})

describe('when SPIFFE is off by choice', () => {
  it('everything is admitted, each call with an event, and nobody is identified', async () => {
    using admitted = new Events<UnsafeFallbackAdmitted>(unsafeFallbackAdmitted)
    const callers: unknown[] = []
    const fallback = jwtSvidServerInterceptor({ unsafeStaticFallback: true, service: 'echo' })
    await using server = await startEcho({ interceptors: [fallback], onCall: (call) => callers.push(callerOf(call)) })
    await using client = new EchoClient(server.target)
    for (const kind of kinds) expect(await client.call(kind)).toBe('abc')
    expect(admitted.seen.map(({ service }) => service)).toEqual(kinds.map(() => 'echo'))
    expect(callers).toEqual(kinds.map(() => undefined))
  })
})

describe('options that make no sense', () => {
  it('unsafeStaticFallback beside a policy is a contradiction, and false is no fallback', async () => {
    const both = (unsafeStaticFallback: boolean) => ({ ...options(), unsafeStaticFallback })
    expect(() => jwtSvidServerInterceptor(both(true))).toThrow(
      expect.objectContaining({ code: 'ERR_GRPC_OPTIONS_INVALID' }),
    )
    await using server = await startEcho({ interceptors: [jwtSvidServerInterceptor(both(false))] })
    await using client = new EchoClient(server.target)
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
  })

  it.each([
    { name: 'JWT-3.2-b no audience', changes: { audience: '' } },
    { name: 'no service name', changes: { service: '' } },
    { name: 'negative leeway', changes: { leewaySeconds: -1 } },
    { name: 'JWT-3.3-a leeway above 60 s', changes: { leewaySeconds: 61 } },
    { name: 'leeway that is no number', changes: { leewaySeconds: Number.NaN } },
  ])('$name', ({ changes }) => {
    expect(() => jwtSvidServerInterceptor(options(changes))).toThrow(
      expect.objectContaining({ code: 'ERR_GRPC_OPTIONS_INVALID', cure: expect.any(String) }),
    )
  })

  it('GrpcAuthError is what is thrown', () => {
    expect(() => jwtSvidServerInterceptor(options({ audience: '' }))).toThrow(GrpcAuthError)
  })
})
