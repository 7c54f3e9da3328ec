import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer as createHttpsServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { type Clock, systemClock } from '@chaveiro/rotation'
import {
  authorizeId,
  authorizeTrustDomain,
  type BundleSet,
  connectTls,
  createTlsServer,
  peerSvid,
  SvidError,
  type TlsIdentity,
  tlsClientOptions,
  tlsServerOptions,
  verifyPeer,
  type X509Svid,
} from '@chaveiro/spiffe'
import { afterEach, describe, expect, it } from 'vitest'
import { bundlesOf, hourMs, type Issued, nowMs, pkcs8, TestAuthority } from './authority.js'

const clock: Clock = { ...systemClock, wallMs: () => nowMs }
const authority = new TestAuthority()
const other = new TestAuthority('other.org')
const everyone = { authorize: authorizeTrustDomain('example.org') }

const serverId = 'spiffe://example.org/server'
const clientId = 'spiffe://example.org/client'

function identity(svid: X509Svid | (() => X509Svid), rules: Partial<TlsIdentity> = {}): TlsIdentity {
  const x509Svid = typeof svid === 'function' ? svid : () => svid
  return { svid: { x509Svid }, bundles: bundlesOf(authority, other), clock, ...everyone, ...rules }
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Listening {
  readonly port: number
  readonly server: Server
  /** Errors of refused clients, in order. */
  readonly refusals: unknown[]
  /** Resolves with the first refusal. */
  readonly refusal: Promise<unknown>
  readonly accepted: TLSSocket[]
}

async function listen(server: Server): Promise<Listening> {
  const refusals: unknown[] = []
  const accepted: TLSSocket[] = []
  const refusal = new Promise((resolve) => {
    server.on('tlsClientError', (error) => {
      refusals.push(error)
      resolve(error)
    })
  })
  server.on('secureConnection', (socket) => {
    accepted.push(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => socket.write(data))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    for (const socket of accepted) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, server, refusals, refusal, accepted }
}

async function echo(socket: TLSSocket, text = 'hello'): Promise<string> {
  cleanups.push(() => socket.destroy())
  socket.write(text)
  const [data] = (await once(socket, 'data')) as [Buffer]
  return data.toString()
}

async function failureOf(promise: Promise<unknown>): Promise<SvidError> {
  const error = await promise.then(
    () => expect.fail('the peer was accepted'),
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(SvidError)
  return error as SvidError
}

/** A server of plain Node that shows any chain, also one that no rule allows. */
function serverShowing(leaf: Issued, ...signing: readonly Issued[]): Promise<Listening> {
  const pem = (label: string, der: Uint8Array): string =>
    `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`
  const cert = [leaf, ...signing].map(({ der }) => pem('CERTIFICATE', der)).join('')
  return listen(createServer({ cert, key: pem('PRIVATE KEY', pkcs8(leaf.key)) }))
}

/** What a bad peer shows, with the code of the refusal. Both sides must judge it alike. */
const badPeers: [string, string, () => Issued[]][] = [
  ['a wrong ID', 'ERR_SVID_NOT_AUTHORIZED', () => [authority.leaf('/intruder')]],
  ['another trust domain that is known', 'ERR_SVID_NOT_AUTHORIZED', () => [other.leaf('/server')]],
  [
    'an unknown trust domain',
    'ERR_SVID_UNKNOWN_TRUST_DOMAIN',
    () => [new TestAuthority('unknown.org').leaf('/server')],
  ],
  [
    'an unknown CA',
    'ERR_SVID_UNKNOWN_AUTHORITY',
    () => [new TestAuthority('example.org', { subject: 'x' }).leaf('/server')],
  ],
  ['an expired certificate', 'ERR_SVID_EXPIRED', () => [authority.leaf('/server', { notAfterMs: nowMs - 1000 })]],
  [
    'a certificate of tomorrow',
    'ERR_SVID_NOT_YET_VALID',
    () => [authority.leaf('/server', { notBeforeMs: nowMs + 1000 })],
  ],
  ['a CA certificate as leaf', 'ERR_SVID_IS_AUTHORITY', () => [authority.root]],
  ['no path', 'ERR_SVID_BAD_ID', () => [authority.leaf('')]],
  [
    'the roots of one trust domain for an ID of another',
    'ERR_SVID_UNKNOWN_AUTHORITY',
    () => [other.leaf('', { names: [{ uniformResourceIdentifier: serverId }] })],
  ],
  [
    'an intermediate with a path in its ID',
    'ERR_SVID_BAD_CHAIN',
    () => {
      const intermediate = authority.intermediate({ names: [{ uniformResourceIdentifier: clientId }] })
      return [authority.leaf('/server', {}, intermediate), intermediate]
    },
  ],
]

describe('connectTls', () => {
  const own = identity(authority.svid('/client'), { authorize: authorizeId(serverId) })

  it('accepts the right server, whatever its host name, and speaks TLS 1.3', async () => {
    const intermediate = authority.intermediate()
    const { port } = await serverShowing(authority.leaf('/server', {}, intermediate), intermediate)
    const { socket, peer } = await connectTls({ ...own, to: { host: '127.0.0.1', port, servername: 'wrong.example' } })
    expect(peer.id.toString()).toBe(serverId)
    expect(socket.getProtocol()).toBe('TLSv1.3')
    expect(await echo(socket)).toBe('hello')
  })

  it.each(badPeers)('X509-5.2-a: refuses a server that shows %s: %s', async (_title, code, chain) => {
    const [leaf, ...signing] = chain()
    const { port } = await serverShowing(leaf as Issued, ...signing)
    expect((await failureOf(connectTls({ ...own, to: { host: '127.0.0.1', port } }))).code).toBe(code)
  })

  it('asks the authorizer only about verified peers', async () => {
    const asked: string[] = []
    const curious = { ...own, authorize: (id: { toString(): string }) => asked.push(id.toString()) > 0 }
    const unknown = await serverShowing(new TestAuthority('example.org', { subject: 'x' }).leaf('/server'))
    await failureOf(connectTls({ ...curious, to: { host: '127.0.0.1', port: unknown.port } }))
    expect(asked).toEqual([])
  })

  it('rejects with what happened: nobody there, an aborted signal, no SVID, a peer that hangs up', async () => {
    const to = { host: '127.0.0.1', port: 1 }
    await expect(connectTls({ ...own, to })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(connectTls({ ...own, to, signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    const none = identity(() => {
      throw new Error('none yet')
    })
    await expect(connectTls({ ...none, to })).rejects.toThrow('none yet')
    const silent = await listen(createServer({}))
    const aborter = new AbortController()
    const hanging = connectTls({ ...own, to: { host: '127.0.0.1', port: silent.port }, signal: aborter.signal })
    await expect(hanging).rejects.toThrow()
  })
})

describe('createTlsServer', () => {
  const rules = { authorize: authorizeId(clientId) }
  const serve = (svid: X509Svid | (() => X509Svid) = authority.svid('/server'), more: Partial<TlsIdentity> = {}) =>
    listen(createTlsServer(identity(svid, { ...rules, ...more })))
  const clientTo = (port: number, chain: readonly Issued[], more: ConnectionOptions = {}): TLSSocket => {
    const [leaf] = chain
    const pem = (label: string, der: Uint8Array): string =>
      `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`
    const shown = leaf && {
      cert: chain.map(({ der }) => pem('CERTIFICATE', der)).join(''),
      key: pem('PRIVATE KEY', pkcs8(leaf.key)),
    }
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...shown, ...more })
    socket.on('error', () => {})
    cleanups.push(() => socket.destroy())
    return socket
  }

  it('accepts the right client', async () => {
    const { port, refusals, accepted } = await serve()
    const own = identity(authority.svid('/client'), { authorize: authorizeId(serverId) })
    const { socket } = await connectTls({ ...own, to: { host: '127.0.0.1', port } })
    expect(await echo(socket)).toBe('hello')
    expect(refusals).toEqual([])
    expect(peerSvid(socket)?.id.toString()).toBe(serverId)
    expect(peerSvid(accepted[0] as TLSSocket)).toMatchObject({ notAfterMs: nowMs + hourMs })
    expect(peerSvid(accepted[0] as TLSSocket)?.id.toString()).toBe(clientId)
  })

  it.each(badPeers)('X509-5.2-a: refuses a client that shows %s: %s', async (_title, code, chain) => {
    const { port, refusal, accepted } = await serve()
    const socket = clientTo(port, chain())
    expect(await refusal).toMatchObject({ name: 'SvidError', code })
    await closed(socket)
    expect(accepted).toEqual([])
  })

  it('refuses a client without a certificate', async () => {
    const { port, refusal, accepted } = await serve()
    const socket = clientTo(port, [])
    expect(await refusal).toMatchObject({ name: 'SvidError', code: 'ERR_SVID_MISSING' })
    await closed(socket)
    expect(accepted).toEqual([])
  })

  it('an intermediate that the client sends is used', async () => {
    const { port, accepted, refusals } = await serve()
    const intermediate = authority.intermediate()
    const socket = clientTo(port, [authority.leaf('/client', {}, intermediate), intermediate])
    expect(await echo(socket)).toBe('hello')
    expect([accepted.length, refusals.length]).toEqual([1, 0])
  })

  it.each(['TLSv1.1', 'TLSv1'] as const)('%s is not spoken', async (version) => {
    const { port, accepted } = await serve()
    const socket = clientTo(port, [authority.leaf('/client')], {
      minVersion: version,
      maxVersion: version,
      ciphers: 'DEFAULT@SECLEVEL=0',
    })
    await closed(socket)
    expect(accepted).toEqual([])
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('%s sessions are not resumed', async (version) => {
    let atMs = nowMs
    const { port, refusals } = await serve(undefined, { clock: { ...clock, wallMs: () => atMs } })
    const chain = [authority.leaf('/client', { notAfterMs: nowMs + 60_000 })]
    const options: ConnectionOptions = { minVersion: version, maxVersion: version }
    const first = clientTo(port, chain, options)
    let session: Buffer | undefined
    first.on('session', (ticket) => {
      session = ticket
    })
    expect(await echo(first)).toBe('hello')
    session ??= first.getSession()
    const second = clientTo(port, chain, { ...options, ...(session && { session }) })
    expect(await echo(second)).toBe('hello')
    expect(second.isSessionReused()).toBe(false)
    // And after its end the certificate lets nobody in, session or not.
    atMs = nowMs + 61_000
    await closed(clientTo(port, chain, { ...options, ...(session && { session }) }))
    expect(refusals).toMatchObject([{ code: 'ERR_SVID_EXPIRED' }])
  })

  it('shows the newest SVID at each connection, and judges by the newest bundle', async () => {
    const next = new TestAuthority()
    let svid = authority.svid('/server')
    let bundles: BundleSet = bundlesOf(authority)
    const source = { x509BundleFor: (td: typeof authority.trustDomain) => bundles.x509BundleFor(td) }
    const { port, refusals } = await serve(() => svid, { bundles: source })
    const serialShown = async (chain: Issued[]): Promise<string> => {
      const socket = clientTo(port, chain)
      await echo(socket)
      return socket.getPeerCertificate().fingerprint256
    }
    const before = await serialShown([authority.leaf('/client')])
    svid = next.svid('/server')
    bundles = bundlesOf(next)
    expect(await serialShown([next.leaf('/client')])).not.toBe(before)
    await closed(clientTo(port, [authority.leaf('/client')]))
    expect(refusals).toMatchObject([{ code: 'ERR_SVID_BAD_SIGNATURE' }])
  })

  it('without a valid SVID every connection is closed, and served again when there is one', async () => {
    let svid: X509Svid | undefined
    const { port, refusals } = await serve(() => {
      if (svid) return svid
      throw new Error('none yet')
    })
    await closed(clientTo(port, [authority.leaf('/client')]))
    expect(refusals[0]).toMatchObject({ message: 'none yet' })
    svid = authority.svid('/server')
    expect(await echo(clientTo(port, [authority.leaf('/client')]))).toBe('hello')
  })

  it('guards servers of other kinds too: a refused client never reaches the handler of an HTTPS server', async () => {
    const served: string[] = []
    const server = createTlsServer(identity(authority.svid('/server'), rules), (options) =>
      createHttpsServer(options, ({ url }, response) => {
        served.push(url ?? '')
        response.end('hello')
      }),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanups.push(() => new Promise((resolve) => server.close(resolve)))
    const { port } = server.address() as AddressInfo
    const get = (chain: Issued[], path: string): Promise<unknown> =>
      new Promise((resolve) => {
        const socket = clientTo(port, chain)
        const call = request({ createConnection: () => socket, host: '127.0.0.1', port, path })
        call.on('response', (response) => resolve(response.resume().statusCode))
        call.on('error', () => resolve('refused'))
        call.end()
      })
    expect(await get([authority.leaf('/client')], '/right')).toBe(200)
    expect(await get([authority.leaf('/intruder')], '/wrong')).toBe('refused')
    expect(await get([], '/nobody')).toBe('refused')
    expect(served).toEqual(['/right'])
  })

  it('what a listener throws is its own, not a refusal', async () => {
    const server = createTlsServer(identity(authority.svid('/server'), rules))
    server.on('secureConnection', () => {
      throw new Error('a bug of the application')
    })
    expect(() => server.emit('secureConnection', socketShowing([authority.leaf('/client')]))).toThrow(
      'a bug of the application',
    )
  })

  it('works over a Unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-tls-'))
    cleanups.push(() => rm(folder, { recursive: true }))
    const path = join(folder, 'a.sock')
    const server = createTlsServer(identity(authority.svid('/server'), rules))
    server.on('secureConnection', (socket) => socket.end('hello'))
    server.listen(path)
    await once(server, 'listening')
    cleanups.push(() => new Promise((resolve) => server.close(resolve)))
    const own = identity(authority.svid('/client'), { authorize: authorizeId(serverId) })
    const { peer, socket } = await connectTls({ ...own, to: { path } })
    cleanups.push(() => socket.destroy())
    expect(peer.id.toString()).toBe(serverId)
  })
})

describe('tlsClientOptions, for libraries that take options only', () => {
  // Node judges the chain by the clock of the process here.
  const alive = { notBeforeMs: systemClock.wallMs() - hourMs, notAfterMs: systemClock.wallMs() + hourMs }
  const living = new TestAuthority('example.org', alive)
  const stranger = new TestAuthority('other.org', alive)
  const bundles = bundlesOf(living, stranger)
  const own: TlsIdentity = {
    svid: { x509Svid: () => living.svid('/client', alive) },
    bundles,
    authorize: authorizeId(serverId),
  }

  const connectWith = (options: ConnectionOptions, port: number): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ ...options, host: '127.0.0.1', port }, () => resolve(socket))
      socket.on('error', reject)
      cleanups.push(() => socket.destroy())
    })

  it('accept the right server, whatever its host name', async () => {
    const intermediate = living.intermediate(alive)
    const { port } = await serverShowing(living.leaf('/server', alive, intermediate), intermediate)
    expect(await echo(await connectWith(tlsClientOptions(own), port))).toBe('hello')
  })

  it.each<[string, string, () => Issued]>([
    ['a wrong ID', 'ERR_SVID_NOT_AUTHORIZED', () => living.leaf('/intruder', alive)],
    ['no path', 'ERR_SVID_BAD_ID', () => living.leaf('', alive)],
    ['no key usage', 'ERR_SVID_KEY_USAGE', () => living.leaf('/server', { ...alive, keyUsage: undefined })],
    [
      'an unknown CA',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      () => new TestAuthority('example.org', { ...alive, subject: 'x' }).leaf('/server', alive),
    ],
    ['a trust domain that was not named', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', () => stranger.leaf('/server', alive)],
    [
      'an expired certificate',
      'CERT_HAS_EXPIRED',
      () => living.leaf('/server', { ...alive, notAfterMs: alive.notBeforeMs + 1000 }),
    ],
  ])('refuse %s: %s', async (_title, code, leaf) => {
    const { port } = await serverShowing(leaf())
    await expect(connectWith(tlsClientOptions(own), port)).rejects.toMatchObject({ code })
  })

  it('take the roots of one trust domain, the peer’s', async () => {
    const { port } = await serverShowing(stranger.leaf('/server', alive))
    const federated = { ...own, authorize: authorizeTrustDomain('other.org'), trustDomain: stranger.trustDomain }
    expect(await echo(await connectWith(tlsClientOptions(federated), port))).toBe('hello')
  })

  it('are not made without roots: Node would take those of the web', () => {
    const none = { ...own, bundles: bundlesOf(stranger) }
    expect(() => tlsClientOptions(none)).toThrow(expect.objectContaining({ code: 'ERR_SVID_UNKNOWN_TRUST_DOMAIN' }))
    expect(() => tlsServerOptions(none)).toThrow(expect.objectContaining({ code: 'ERR_SVID_UNKNOWN_TRUST_DOMAIN' }))
  })

  it('keep https.Agent from resuming sessions, which would skip every check', async () => {
    const server = createHttpsServer({
      ...tlsServerOptions({ ...own, svid: { x509Svid: () => living.svid('/server', alive) } }),
      secureOptions: 0,
    })
    server.on('request', (_request, response) => response.end('hello'))
    const { port } = await listen0(server)
    let authorized = true
    const agent = new Agent(tlsClientOptions({ ...own, authorize: () => authorized }))
    const get = (): Promise<unknown> =>
      new Promise((resolve) => {
        const call = request({ host: '127.0.0.1', port, agent }, (response) => resolve(response.resume().statusCode))
        call.on('error', (error) => resolve(error))
        call.end()
      })
    expect(await get()).toBe(200)
    authorized = false
    expect(await get()).toMatchObject({ code: 'ERR_SVID_NOT_AUTHORIZED' })
  })

  it('tlsServerOptions: Node refuses strangers, verifyPeer says who the others are', async () => {
    const server = await listen(
      createServer(tlsServerOptions({ ...own, svid: { x509Svid: () => living.svid('/server', alive) } })),
    )
    expect(await echo(await connectWith(tlsClientOptions(own), server.port))).toBe('hello')
    const socket = server.accepted[0] as TLSSocket
    expect(verifyPeer(socket, { bundles, authorize: authorizeId(clientId) }).id.toString()).toBe(clientId)
    expect(() => verifyPeer(socket, { bundles, authorize: authorizeId(serverId) })).toThrow(SvidError)
    const before = server.accepted.length
    const nobody = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false })
    nobody.on('error', () => {})
    await closed(nobody)
    expect(server.accepted).toHaveLength(before)
  })

  async function listen0(server: Server): Promise<{ port: number }> {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanups.push(() => new Promise((resolve) => server.close(resolve)))
    return { port: (server.address() as AddressInfo).port }
  }
})

/** What Node's socket tells of a chain. */
function socketShowing([leaf]: readonly Issued[]): TLSSocket {
  return { getPeerCertificate: () => ({ raw: leaf?.der }), destroy: () => {} } as unknown as TLSSocket
}

function closed(socket: TLSSocket): Promise<unknown> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve))
}
