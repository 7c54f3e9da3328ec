import { jwtSvidServerInterceptor, type MethodPolicy } from '@chaveiro/grpc'
import { FakeClock } from '@chaveiro/rotation/testing'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { TestAuthority } from './authority.js'
import { authorization, EchoClient, echoService, startEcho } from './echo.js'

const clock = new FakeClock({ wallMs: Date.UTC(2030, 0, 1), seed: 1 })
const ours = new TestAuthority('example.org', clock)
const foreign = new TestAuthority('example.org.evil', clock)

function interceptor(policy: MethodPolicy, services = [echoService]): ReturnType<typeof jwtSvidServerInterceptor> {
  const bundles = {
    jwtBundleFor: (td: TestAuthority['trustDomain']) =>
      [ours, foreign].find(({ trustDomain }) => trustDomain.equals(td))?.jwtBundle(),
  }
  return jwtSvidServerInterceptor({ bundles, audience: 'echo.example', policy, service: 'echo', services, clock })
}

const prefix = [{ prefix: 'spiffe://example.org/ns/app' }]
const domain = [{ trustDomain: 'example.org' }]

describe('who may call', () => {
  it.each([
    { name: 'the exact ID', rules: ['spiffe://example.org/ns/app'], from: ours, path: '/ns/app', admitted: true },
    {
      name: 'not what is below an exact ID',
      rules: ['spiffe://example.org/ns/app'],
      from: ours,
      path: '/ns/app/a',
      admitted: false,
    },
    {
      name: 'IDs are case-sensitive',
      rules: ['spiffe://example.org/ns/app'],
      from: ours,
      path: '/ns/App',
      admitted: false,
    },
    {
      name: 'one of several',
      rules: ['spiffe://example.org/a', ...prefix],
      from: ours,
      path: '/ns/app/a',
      admitted: true,
    },
    { name: 'what is below a prefix', rules: prefix, from: ours, path: '/ns/app/sa/x', admitted: true },
    { name: 'a prefix ends at a segment', rules: prefix, from: ours, path: '/ns/app-admin', admitted: false },
    { name: 'a prefix is of one trust domain', rules: prefix, from: foreign, path: '/ns/app/sa/x', admitted: false },
    { name: 'a whole trust domain', rules: domain, from: ours, path: '/anything', admitted: true },
    { name: 'a trust domain is no prefix of text', rules: domain, from: foreign, path: '/anything', admitted: false },
    { name: 'nobody', rules: [], from: ours, path: '/ns/app', admitted: false },
  ])('$name', async ({ rules, from, path, admitted }) => {
    await using server = await startEcho({ interceptors: [interceptor({ '/test.Echo/Unary': rules })] })
    await using client = new EchoClient(server.target)
    const call = client.call('unary', authorization(`Bearer ${from.token(path)}`))
    if (admitted) expect(await call).toBe('abc')
    else await expect(call).rejects.toMatchObject({ code: status.PERMISSION_DENIED })
  })

  it('the exact method goes before the whole service', async () => {
    const policy: MethodPolicy = { '/test.Echo/*': domain, '/test.Echo/Unary': ['spiffe://example.org/one'] }
    await using server = await startEcho({ interceptors: [interceptor(policy)] })
    await using client = new EchoClient(server.target)
    const metadata = authorization(`Bearer ${ours.token('/two')}`)
    expect(await client.call('bidi', metadata)).toBe('abc')
    await expect(client.call('unary', metadata)).rejects.toMatchObject({ code: status.PERMISSION_DENIED })
  })
})

describe('a policy that makes no sense is refused at once', () => {
  const unary = (rule: unknown): MethodPolicy => ({ '/test.Echo/Unary': rule }) as MethodPolicy
  it.each<{ name: string; policy: MethodPolicy; names: string }>([
    { name: 'a method without its slash', policy: { 'test.Echo/Unary': [] }, names: 'test.Echo/Unary' },
    { name: 'a service alone', policy: { '/test.Echo': [] }, names: '/test.Echo' },
    { name: 'a star for all', policy: { '*': [] }, names: '*' },
    { name: 'part of a name with a star', policy: { '/test.Echo/Un*': [] }, names: '/test.Echo/Un*' },
    { name: 'a method that no service has', policy: { '/test.Echo/Unarry': [] }, names: '/test.Echo/Unarry' },
    { name: 'a service that is not there', policy: { '/test.Eco/*': [] }, names: '/test.Eco/*' },
    { name: 'an ID without scheme', policy: unary(['example.org/a']), names: 'example.org/a' },
    {
      name: 'ID-2.2-c an ID with a trailing slash',
      policy: unary(['spiffe://example.org/a/']),
      names: 'spiffe://example.org/a/',
    },
    { name: 'a trust domain as an ID', policy: unary(['spiffe://example.org']), names: 'spiffe://example.org' },
    {
      name: 'a prefix without a path',
      policy: unary([{ prefix: 'spiffe://example.org' }]),
      names: 'spiffe://example.org',
    },
    { name: 'a malformed trust domain', policy: unary([{ trustDomain: 'Example.org' }]), names: 'Example.org' },
    { name: 'a rule of another kind', policy: unary([{ name: 'x' }]), names: '{"name":"x"}' },
    { name: 'an empty rule', policy: unary([null]), names: 'null' },
    { name: 'a string for a list', policy: unary('closed'), names: '/test.Echo/Unary' },
  ])('$name', ({ policy, names }) => {
    expect(() => interceptor(policy)).toThrow(
      expect.objectContaining({
        code: 'ERR_GRPC_POLICY_INVALID',
        message: expect.stringContaining(names),
        cure: expect.stringMatching(/./),
      }),
    )
  })
})
