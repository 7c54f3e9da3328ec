import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DevAuthority, DevWorkloadApi } from '@chaveiro/dev'
import { FakeClock } from '@chaveiro/rotation/testing'
import { JwtSource, SpiffeId, TrustDomain, verifyX509Svid, WorkloadApiClient, X509Source } from '@chaveiro/spiffe'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const trustDomain = TrustDomain.parse('dev.example')
const registry = SpiffeId.of(trustDomain, '/ns/core/sa/registry')
const worker = SpiffeId.of(trustDomain, '/ns/core/sa/worker')

let clock: FakeClock
let authority: DevAuthority
let folder: string
let api: DevWorkloadApi

beforeEach(async () => {
  clock = new FakeClock()
  authority = await DevAuthority.create({ trustDomain, clock, x509TtlSeconds: 3590 })
  folder = await mkdtemp(join(tmpdir(), 'dev-wl-'))
  api = await DevWorkloadApi.start({ authority, folder: join(folder, 'sockets'), clock })
})

afterEach(async () => {
  await api.close()
  await rm(folder, { recursive: true })
})

const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { interval: 2, timeout: 10_000 })
const add = (id: SpiffeId, socketName: string) => api.addWorkload({ id, socketName })

describe('sockets', () => {
  it('WLE-2-a: a socket of mode 0600 in a folder of mode 0700', async () => {
    await add(registry, 'registry.sock')
    const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
    expect(await mode(join(folder, 'sockets'))).toBe('700')
    expect(await mode(join(folder, 'sockets', 'registry.sock'))).toBe('600')
  })

  it('one for each identity', async () => {
    const [one, two] = [await add(registry, 'registry.sock'), await add(worker, 'worker.sock')]
    await using asRegistry = await X509Source.open({ endpoint: one, clock })
    await using asWorker = await X509Source.open({ endpoint: two, clock })
    expect(`${asRegistry.x509Svid().id}`).toBe(`${registry}`)
    expect(`${asWorker.x509Svid().id}`).toBe(`${worker}`)
    expect(`${verifyX509Svid(asWorker.x509Svid().chain, asRegistry, { atMs: clock.wallMs() }).id}`).toBe(`${worker}`)
  })

  it.each(['', 'a/b.sock', '../a.sock'])('refuses the file name %j', async (socketName) => {
    await expect(add(registry, socketName)).rejects.toThrow(RangeError)
  })

  it('refuses an identity of another trust domain', async () => {
    await expect(add(SpiffeId.parse('spiffe://other.example/a'), 'a.sock')).rejects.toThrow(/other\.example/)
  })

  it('a path that is too long for a socket is an error that says so', async () => {
    await expect(add(registry, `${'x'.repeat(120)}.sock`)).rejects.toMatchObject({
      code: 'ERR_DEV_SERVER_START',
      message: expect.stringContaining('107 bytes'),
    })
  })
})

describe('rotation', () => {
  it('an SVID is replaced at about half of its life, on the open stream, again and again', async () => {
    const endpoint = await add(registry, 'registry.sock')
    await using source = await X509Source.open({ endpoint, clock })
    for (let count = 1; count <= 3; count++) {
      const { notBeforeMs, notAfterMs } = source.x509Svid()
      await eventually(async () => {
        await clock.advance(20_000)
        expect(source.state.rotations).toBe(count)
      })
      // When it was issued, not when it arrived: the fake time does not wait for the socket.
      const issuedMs = source.x509Svid().notBeforeMs + 10_000
      const share = (issuedMs - notBeforeMs) / (notAfterMs - notBeforeMs)
      expect(share).toBeGreaterThan(0.44)
      expect(share).toBeLessThan(0.58)
    }
  })

  it('all are replaced when asked for', async () => {
    const endpoint = await add(registry, 'registry.sock')
    await using source = await X509Source.open({ endpoint, clock })
    await api.rotateX509Svids()
    await eventually(() => expect(source.state.rotations).toBe(1))
  })

  it('a new CA is pushed to everybody before it signs', async () => {
    const endpoint = await add(registry, 'registry.sock')
    await using source = await X509Source.open({ endpoint, clock })
    await authority.rotateX509()
    await eventually(() => expect(source.x509BundleFor(trustDomain)?.authorities).toHaveLength(2))
    expect(source.state.rotations).toBe(0)
    await api.rotateX509Svids()
    await eventually(() => expect(source.state.rotations).toBe(1))
    verifyX509Svid(source.x509Svid().chain, source, { atMs: clock.wallMs() })
  })

  it('authorities rotate by themselves, and nothing that is held stops being valid', async () => {
    const endpoint = await add(registry, 'registry.sock')
    await using source = await X509Source.open({ endpoint, clock })
    await using jwt = await JwtSource.open({ endpoint, clock })
    const [before] = jwt.jwtBundleFor(trustDomain)?.keyIds ?? []
    for (let hours = 0; hours < 22; hours++) {
      await clock.advance(1_800_000)
      await eventually(() => expect(source.state.remainingSeconds).toBeGreaterThan(1000))
      await clock.advance(1_800_000)
      await eventually(() => expect(source.state.remainingSeconds).toBeGreaterThan(1000))
      verifyX509Svid(source.x509Svid().chain, source, { atMs: clock.wallMs() })
    }
    const keyIds = jwt.jwtBundleFor(trustDomain)?.keyIds ?? []
    expect(keyIds).toHaveLength(2)
    expect((await jwt.fetchJwtSvid({ audience: 'a' })).keyId).not.toBe(before)
  })
})

describe('entries', () => {
  it('removeWorkload takes an identity away, from every socket', async () => {
    const endpoint = await add(registry, 'registry.sock')
    await using source = await X509Source.open({ endpoint, clock })
    await api.removeWorkload(registry)
    await eventually(() => expect(source.state.status).toBe('no_identity'))
    await add(registry, 'registry.sock')
    await eventually(async () => {
      await clock.advance(500)
      expect(source.state.status).toBe('live')
    })
  })

  it('an entry left out because of its hint is served when the older one goes', async () => {
    const endpoint = await api.openSocket('a.sock')
    const older = await api.addEntry('a.sock', { id: registry, hint: 'same' })
    await api.addEntry('a.sock', { id: worker, hint: 'same' })
    await using source = await X509Source.open({ endpoint, clock })
    expect(`${source.x509Svid().id}`).toBe(`${registry}`)
    await api.removeEntry(older)
    await eventually(() => expect(`${source.x509Svid().id}`).toBe(`${worker}`))
  })

  it('an entry may have TTLs of its own', async () => {
    const endpoint = await api.addWorkload({
      id: registry,
      socketName: 'a.sock',
      x509TtlSeconds: 60,
      jwtTtlSeconds: 30,
    })
    await using client = new WorkloadApiClient({ endpoint, clock })
    const { svids } = await client.fetchX509Context()
    expect(svids[0].notAfterMs).toBe(clock.wallMs() + 60_000)
    const [jwt] = await client.fetchJwtSvids({ audience: ['a'] })
    expect(jwt.expiresAtMs).toBe(clock.wallMs() + 30_000)
  })
})

describe('discovery', () => {
  const answer = (path: string, options: { method?: string; host?: string } = {}) =>
    new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      const { method = 'GET', host } = options
      const headers = host === undefined ? {} : { host }
      request(new URL(path, api.jwksUrl), { method, headers }, async (response) => {
        resolve({ status: response.statusCode, body: Buffer.concat(await response.toArray()).toString() })
      })
        .on('error', reject)
        .end()
    })

  it.each([
    ['/keys', {}, 200],
    ['/.well-known/openid-configuration', {}, 200],
    ['/keys', { method: 'HEAD' }, 200],
    ['/keys', { method: 'POST' }, 405],
    ['/', {}, 404],
    ['/keys/', {}, 404],
    ['/keys', { host: 'evil.example' }, 400],
  ])('%s %j: %i', async (path, options, status) => {
    expect((await answer(path, options)).status).toBe(status)
  })

  it('serves the keys as they are now', async () => {
    await authority.rotateJwtKey()
    const { body } = await answer('/keys')
    expect(JSON.parse(body).keys).toHaveLength(2)
    expect(api.jwksUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/keys$/)
  })
})

it('close ends streams, removes sockets, sets no timer any more, and may be called twice', async () => {
  const endpoint = await add(registry, 'registry.sock')
  await using client = new WorkloadApiClient({ endpoint, clock })
  const failures: string[] = []
  const watch = client.watchX509Context({ update: () => undefined, failure: ({ code }) => void failures.push(code) })
  await client.fetchX509Context()
  await api.close()
  await api.close()
  await eventually(() => expect(failures).toHaveLength(1))
  await watch.close()
  expect(await readdir(join(folder, 'sockets'))).toEqual([])
  expect(clock.pendingTimers).toBe(0)
  await expect(fetch(api.jwksUrl)).rejects.toThrow()
})
