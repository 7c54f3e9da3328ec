import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import {
  type ConnectionEnding,
  callerOf,
  connectionEnding,
  type JwtSvidRejected,
  jwtSvidClientOptions,
  jwtSvidRejected,
  jwtSvidServerInterceptor,
  type PeerRefused,
  peerOf,
  peerRefused,
  spiffeChannelCredentials,
  spiffeServerCredentials,
} from '@chaveiro/grpc'
import { FakeClock } from '@chaveiro/rotation/testing'
import {
  authorizeId,
  authorizeTrustDomain,
  type TrustDomain,
  type X509Bundle,
  type X509BundleSource,
  type X509Svid,
  type X509SvidSource,
} from '@chaveiro/spiffe'
import { CallCredentials, credentials as grpcCredentials, Metadata, status } from '@grpc/grpc-js'
import { beforeEach, describe, expect, it } from 'vitest'
import { TestAuthority } from './authority.js'
import { EchoClient, type EchoOptions, type EchoServer, kinds, startEcho } from './echo.js'
import { Events } from './events.js'

let clock: FakeClock
let ours: TestAuthority
let foreign: TestAuthority

beforeEach(() => {
  clock = new FakeClock({ wallMs: Date.UTC(2030, 0, 1), seed: 1 })
  ours = new TestAuthority('example.org', clock)
  foreign = new TestAuthority('foreign.example', clock)
})

/** One workload's SVID and bundles, as a source would keep them. */
class Workload implements X509SvidSource, X509BundleSource {
  svid: X509Svid | undefined
  readonly bundles = new Map<string, X509Bundle>()
  authorize = authorizeTrustDomain(ours.trustDomain)

  constructor(authority: TestAuthority, path: string, options: { lifeSeconds?: number; intermediate?: boolean } = {}) {
    this.svid = authority.x509Svid(path, options)
    this.trust(ours)
  }

  trust(...authorities: TestAuthority[]): this {
    for (const authority of authorities) this.bundles.set(authority.trustDomain.name, authority.x509Bundle())
    return this
  }

  x509Svid(): X509Svid {
    if (!this.svid) throw Object.assign(new Error('none yet'), { code: 'ERR_NO_SVID' })
    return this.svid
  }

  x509BundleFor(td: TrustDomain): X509Bundle | undefined {
    return this.bundles.get(td.name)
  }

  get transport(): Parameters<typeof spiffeServerCredentials>[0] {
    return { svid: this, bundles: this, authorize: (id) => this.authorize(id), clock }
  }
}

function serve(workload: Workload, options: EchoOptions = {}): Promise<EchoServer> {
  return startEcho({ credentials: spiffeServerCredentials(workload.transport), ...options })
}

function clientOf(workload: Workload, server: EchoServer): EchoClient {
  return new EchoClient(server.target, {}, spiffeChannelCredentials(workload.transport))
}

describe('peers that are accepted', () => {
  it('all four kinds of call; the handler learns the peer', async () => {
    const peers: unknown[] = []
    await using server = await serve(new Workload(ours, '/server'), {
      onCall: (call) => peers.push(peerOf(call)?.toString()),
    })
    await using client = clientOf(new Workload(ours, '/client'), server)
    for (const kind of kinds) expect(await client.call(kind)).toBe('abc')
    expect(peers).toEqual(kinds.map(() => 'spiffe://example.org/client'))
  })

  it('the application sees the certificate of the server', async () => {
    await using server = await serve(new Workload(ours, '/server'))
    await using client = clientOf(new Workload(ours, '/client'), server)
    await client.call('unary')
    const same = (value: Buffer): Buffer => value
    const seen = await new Promise<unknown>((resolve) => {
      const call = client.client.makeUnaryRequest('/test.Echo/Unary', same, same, Buffer.alloc(0), () => {
        resolve(call.getAuthContext()?.sslPeerCertificate?.subjectaltname)
      })
    })
    expect(seen).toBe('URI:spiffe://example.org/server')
  })

  it('over a unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-grpc-'))
    try {
      await using server = await serve(new Workload(ours, '/server'), { address: `unix:${join(folder, 'echo.sock')}` })
      await using client = clientOf(new Workload(ours, '/client'), server)
      expect(await client.call('bidi')).toBe('abc')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('chains with an intermediate, on both sides', async () => {
    await using server = await serve(new Workload(ours, '/server', { intermediate: true }))
    await using client = clientOf(new Workload(ours, '/client', { intermediate: true }), server)
    expect(await client.call('unary')).toBe('abc')
  })

  it('a peer of a federated trust domain that both accept', async () => {
    const here = new Workload(ours, '/server').trust(foreign)
    here.authorize = authorizeTrustDomain(foreign.trustDomain)
    await using server = await serve(here)
    await using client = clientOf(new Workload(foreign, '/client'), server)
    expect(await client.call('unary')).toBe('abc')
  })

  it('several clients with one SVID, one of which leaves', async () => {
    await using server = await serve(new Workload(ours, '/server'))
    const workload = new Workload(ours, '/client')
    await using staying = clientOf(workload, server)
    expect(await staying.call('unary')).toBe('abc')
    const leaving = clientOf(workload, server)
    expect(await leaving.call('unary')).toBe('abc')
    await leaving[Symbol.asyncDispose]()
    await expect.poll(() => clock.pendingTimers).toBe(3)
    expect(await staying.call('unary')).toBe('abc')
  })
})

describe('peers that are refused', () => {
  const refusedByServer: { name: string; client: () => Workload; code?: string }[] = [
    { name: 'another trust domain', client: () => new Workload(foreign, '/client') },
    {
      name: 'FED-4.2-b a certificate for our trust domain by an authority of a federated one',
      client: () => {
        const impostor = new TestAuthority('example.org', clock)
        return new Workload(impostor, '/client')
      },
    },
    {
      name: 'an expired SVID',
      client: () => new Workload(ours, '/client', { lifeSeconds: -5 }),
    },
  ]
  it.each(refusedByServer)('by the server: $name', async ({ client: workload }) => {
    using refused = new Events<PeerRefused>(peerRefused)
    await using server = await serve(new Workload(ours, '/server').trust(foreign))
    await using client = clientOf(workload(), server)
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    expect(server.handled).toBe(0)
    expect(refused.seen).toContainEqual({ side: 'server', at: 'handshake', errorCode: expect.stringMatching(/^ERR_/) })
  })

  it('by the server: an identity that the authoriser does not name', async () => {
    using refused = new Events<PeerRefused>(peerRefused)
    const here = new Workload(ours, '/server')
    here.authorize = authorizeId(ours.id('/friend'))
    await using server = await serve(here)
    await using client = clientOf(new Workload(ours, '/client'), server)
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    expect(refused.seen).toContainEqual({ side: 'server', at: 'handshake', errorCode: 'ERR_GRPC_PEER_REFUSED' })
  })

  it('by the server: a client without a certificate', async () => {
    using refused = new Events<PeerRefused>(peerRefused)
    await using server = await serve(new Workload(ours, '/server'))
    const bare = grpcCredentials.createSsl(null, null, null, { rejectUnauthorized: false })
    await using client = new EchoClient(server.target, { 'grpc.ssl_target_name_override': 'server' }, bare)
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    expect(server.handled).toBe(0)
    expect(refused.last?.errorCode).toBe('ERR_GRPC_PEER_WITHOUT_CERTIFICATE')
  })

  it('by the server: plaintext', async () => {
    await using server = await serve(new Workload(ours, '/server'))
    await using client = new EchoClient(server.target)
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
  })

  it.each([
    { name: 'another trust domain', server: () => new Workload(foreign, '/server') },
    { name: 'an expired SVID', server: () => new Workload(ours, '/server', { lifeSeconds: -5 }) },
    { name: 'another authority', server: () => new Workload(new TestAuthority('example.org', clock), '/server') },
  ])('by the client: $name', async ({ server: workload }) => {
    using refused = new Events<PeerRefused>(peerRefused)
    await using server = await serve(workload())
    await using client = clientOf(new Workload(ours, '/client'), server)
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    expect(server.handled).toBe(0)
    expect(refused.seen).toContainEqual({ side: 'client', at: 'handshake', errorCode: expect.stringMatching(/^ERR_/) })
  })

  it('by the client: a server that the authoriser does not name', async () => {
    const workload = new Workload(ours, '/client')
    workload.authorize = authorizeId(ours.id('/friend'))
    await using server = await serve(new Workload(ours, '/server'))
    await using client = clientOf(workload, server)
    await expect(client.call('unary')).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('spiffe://example.org/server'),
    })
    expect(server.handled).toBe(0)
  })

  it.each(['server', 'client'])('a %s without an SVID fails closed, and works once it has one', async (which) => {
    const workloads = { server: new Workload(ours, '/server'), client: new Workload(ours, '/client') }
    const lacking = workloads[which as 'server' | 'client']
    const { svid } = lacking
    lacking.svid = undefined
    await using server = await serve(workloads.server)
    await using first = clientOf(workloads.client, server)
    await expect(first.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    lacking.svid = svid
    await using second = clientOf(workloads.client, server)
    expect(await second.call('unary')).toBe('abc')
  })

  it('a TLS session is not resumed, and an SVID that has expired since is refused', async () => {
    await using server = await serve(new Workload(ours, '/server'))
    const workload = new Workload(ours, '/client', { lifeSeconds: 600 })
    const tls = {
      host: '127.0.0.1',
      port: Number(server.target.split(':')[1]),
      cert: workload.x509Svid().certificatesPem(),
      key: workload.x509Svid().privateKeyPem().expose(),
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
    }
    const sessions: Buffer[] = []
    const talk = (session?: Buffer): Promise<boolean> =>
      new Promise((resolve) => {
        let reused = false
        const socket = connect({ ...tls, ...(session && { session }) }, () => {
          reused = socket.isSessionReused()
        })
        socket.on('session', (ticket) => sessions.push(ticket))
        // The server's HTTP/2 settings are the first thing that comes.
        socket.once('data', () => setImmediate(() => socket.destroy()))
        socket.once('close', () => resolve(reused))
        socket.once('error', () => {})
      })
    using refused = new Events<PeerRefused>(peerRefused)
    expect(await talk()).toBe(false)
    expect(await talk(sessions[0])).toBe(false)
    expect(refused.seen).toEqual([])
    await clock.advance(601_000)
    expect(await talk(sessions[0])).toBe(false)
    expect(refused.seen).toEqual([{ side: 'server', at: 'handshake', errorCode: 'ERR_SVID_EXPIRED' }])
  })
})

describe('rotation under an open server and channel', () => {
  it('new connections use the newest leaf at once, without a restart of either side', async () => {
    const here = new Workload(ours, '/server')
    const there = new Workload(ours, '/client')
    const serials: unknown[] = []
    await using server = await serve(here, {
      onCall: (call) => serials.push(call.getAuthContext().sslPeerCertificate?.serialNumber),
    })
    await using before = clientOf(there, server)
    await before.call('unary')
    here.svid = ours.x509Svid('/server')
    there.svid = ours.x509Svid('/client')
    await using after = clientOf(there, server)
    await after.call('unary')
    await before.call('unary')
    expect(serials[1]).not.toBe(serials[0])
    expect(serials[2]).toBe(serials[0])
  })

  it('a connection is renewed before an SVID ends: no call fails over ten lives of both', async () => {
    using endings = new Events<ConnectionEnding>(connectionEnding)
    const here = new Workload(ours, '/server', { lifeSeconds: 60 })
    const there = new Workload(ours, '/client', { lifeSeconds: 60 })
    const serials = new Set<unknown>()
    await using server = await serve(here, {
      onCall: (call) => serials.add(call.getAuthContext().sslPeerCertificate?.serialNumber),
    })
    await using client = clientOf(there, server)
    for (let second = 0; second < 600; second += 5) {
      if (second % 30 === 0) {
        here.svid = ours.x509Svid('/server', { lifeSeconds: 60 })
        there.svid = ours.x509Svid('/client', { lifeSeconds: 60 })
      }
      const calls = kinds.map((kind) => client.call(kind))
      await clock.advance(5000)
      expect(await Promise.all(calls)).toEqual(kinds.map(() => 'abc'))
    }
    expect(serials.size).toBeGreaterThanOrEqual(10)
    expect(endings.seen.filter(({ stage }) => stage === 'drain').length).toBeGreaterThanOrEqual(10)
    expect(endings.seen.filter(({ stage }) => stage === 'end')).toEqual([])
  })

  it('the authority rotates, with both roots in the bundle for a while: no call fails', async () => {
    const here = new Workload(ours, '/server')
    const there = new Workload(ours, '/client')
    await using server = await serve(here)
    await using client = clientOf(there, server)
    const everyKind = async (): Promise<void> => {
      await using fresh = clientOf(there, server)
      for (const caller of [client, fresh]) {
        expect(await Promise.all(kinds.map((kind) => caller.call(kind)))).toEqual(kinds.map(() => 'abc'))
      }
    }
    await everyKind()
    ours.addX509Authority()
    there.trust(ours)
    await everyKind()
    here.trust(ours)
    await everyKind()
    there.svid = ours.x509Svid('/client')
    await everyKind()
    here.svid = ours.x509Svid('/server')
    await everyKind()
  })

  it('a call on an open connection is refused when the bundle no longer has its authority, and the client recovers', async () => {
    const here = new Workload(ours, '/server')
    const there = new Workload(ours, '/client')
    await using server = await serve(here)
    await using client = clientOf(there, server)
    expect(await client.call('unary')).toBe('abc')
    ours.addX509Authority()
    ours.dropOldX509Authorities()
    here.trust(ours)
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
    expect(server.handled).toBe(1)
    here.svid = ours.x509Svid('/server')
    there.trust(ours)
    there.svid = ours.x509Svid('/client')
    await expect.poll(() => client.call('unary').catch(() => 'not yet')).toBe('abc')
  })

  it('a call on an open connection is refused once the authoriser no longer names the peer', async () => {
    const here = new Workload(ours, '/server')
    await using server = await serve(here)
    await using client = clientOf(new Workload(ours, '/client'), server)
    expect(await client.call('unary')).toBe('abc')
    here.authorize = () => false
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
    expect(server.handled).toBe(1)
  })

  it('a client judges the server before each call, and opens a new connection when it is no longer good', async () => {
    using refused = new Events<PeerRefused>(peerRefused)
    const here = new Workload(ours, '/server')
    const there = new Workload(ours, '/client')
    await using server = await serve(here)
    await using client = clientOf(there, server)
    expect(await client.call('unary')).toBe('abc')
    // The server moves to a new authority, still trusting the old one; the client trusts the new one only.
    ours.addX509Authority()
    here.trust(ours)
    here.svid = ours.x509Svid('/server')
    ours.dropOldX509Authorities()
    there.trust(ours)
    expect(await Promise.all(kinds.map((kind) => client.call(kind)))).toEqual(kinds.map(() => 'abc'))
    expect(refused.seen.filter(({ side }) => side === 'client')).toContainEqual({
      side: 'client',
      at: 'call',
      errorCode: 'ERR_SVID_UNKNOWN_AUTHORITY',
    })
    there.authorize = () => false
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    expect(server.handled).toBe(5)
  })

  it('call credentials that the application composes are sent too', async () => {
    const seen: unknown[] = []
    await using server = await serve(new Workload(ours, '/server'), {
      onCall: (call) => seen.push(call.metadata.get('own')),
    })
    const own = CallCredentials.createFromMetadataGenerator((_, done) => {
      const metadata = new Metadata()
      metadata.set('own', 'yes')
      done(null, metadata)
    })
    const both = spiffeChannelCredentials(new Workload(ours, '/client').transport).compose(own)
    await using client = new EchoClient(server.target, {}, both)
    await client.call('unary')
    expect(seen).toEqual([['yes']])
  })

  it('a call on an open connection is refused when the wall clock passes the end of the SVID unseen by timers', async () => {
    await using server = await serve(new Workload(ours, '/server'))
    const there = new Workload(ours, '/client', { lifeSeconds: 60 })
    await using client = clientOf(there, server)
    expect(await client.call('unary')).toBe('abc')
    clock.stepWall(61_000)
    await expect(client.call('unary')).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
    expect(server.handled).toBe(1)
    // The server has asked for another connection, which the client opens with the SVID that it has now.
    there.svid = ours.x509Svid('/client')
    expect(await client.call('unary')).toBe('abc')
  })

  it('a stream is cut when the SVID of the connection ends', async () => {
    using endings = new Events<ConnectionEnding>(connectionEnding)
    await using server = await serve(new Workload(ours, '/server'))
    await using client = clientOf(new Workload(ours, '/client', { lifeSeconds: 60 }), server)
    const same = (value: Buffer): Buffer => value
    const stream = client.client.makeBidiStreamRequest('/test.Echo/Bidi', same, same, new Metadata())
    const echoed = new Promise((resolve) => stream.once('data', resolve))
    const ended = new Promise<{ code: status }>((resolve) => stream.once('error', (error) => resolve(error as never)))
    stream.write(Buffer.from('a'))
    await echoed
    await clock.advance(60_000)
    expect((await ended).code).toBe(status.UNAVAILABLE)
    expect(endings.seen.map(({ stage }) => stage)).toEqual(expect.arrayContaining(['drain', 'end']))
  })
})

describe('JWT-SVIDs over mTLS', () => {
  async function over(
    workload: Workload,
    path: string,
    requireSamePeer: boolean,
    handled: EchoOptions = {},
  ): Promise<string> {
    const bundles = { jwtBundleFor: () => ours.jwtBundle() }
    const policy = { '/test.Echo/*': [{ trustDomain: 'example.org' }] }
    const checks = { bundles, audience: 'echo.example', policy, service: 'echo', clock, requireSamePeer }
    await using server = await serve(new Workload(ours, '/server'), {
      ...handled,
      interceptors: [jwtSvidServerInterceptor(checks)],
    })
    const source = { fetchJwtSvid: async () => ours.jwtSvid(path) }
    const options = jwtSvidClientOptions({ source, audience: 'echo.example', clock })
    await using client = new EchoClient(server.target, options, spiffeChannelCredentials(workload.transport))
    const answers = await Promise.all(kinds.map((kind) => client.call(kind)))
    return answers.join()
  }

  it('both identities reach the handler', async () => {
    const seen = new Set<string>()
    const onCall: EchoOptions['onCall'] = (call) => seen.add(`${peerOf(call)} ${callerOf(call)?.id}`)
    await over(new Workload(ours, '/client'), '/client', true, { onCall })
    expect([...seen]).toEqual(['spiffe://example.org/client spiffe://example.org/client'])
  })

  it('a token of another workload is refused when the same peer is required', async () => {
    using rejected = new Events<JwtSvidRejected>(jwtSvidRejected)
    await expect(over(new Workload(ours, '/thief'), '/client', true)).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('refused (peer_mismatch)'),
    })
    expect(rejected.last).toMatchObject({ reason: 'peer_mismatch', subject: 'spiffe://example.org/client' })
  })

  it('and accepted when it is not', async () => {
    expect(await over(new Workload(ours, '/proxy'), '/client', false)).toBe('abc,abc,abc,abc')
  })

  it('without mTLS there is no peer to compare with: refused', async () => {
    const bundles = { jwtBundleFor: () => ours.jwtBundle() }
    const policy = { '/test.Echo/*': [{ trustDomain: 'example.org' }] }
    const checks = { bundles, audience: 'echo.example', policy, service: 'echo', clock, requireSamePeer: true }
    await using server = await startEcho({ interceptors: [jwtSvidServerInterceptor(checks)] })
    const source = { fetchJwtSvid: async () => ours.jwtSvid('/client') }
    const options = jwtSvidClientOptions({ source, audience: 'echo.example', clock })
    await using client = new EchoClient(server.target, options)
    await expect(client.call('unary')).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('refused (peer_unverified)'),
    })
  })
})

it('closing both sides leaves no timer and no socket', async () => {
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => /TCP|TLS/.test(name)).length
  await expect.poll(sockets).toBe(0) // what the tests before have closed
  {
    await using server = await serve(new Workload(ours, '/server'))
    await using client = clientOf(new Workload(ours, '/client'), server)
    await client.call('unary')
    expect(clock.pendingTimers).toBeGreaterThan(0)
    expect(sockets()).toBeGreaterThan(0)
  }
  await expect.poll(() => [clock.pendingTimers, sockets()]).toEqual([0, 0])
})
