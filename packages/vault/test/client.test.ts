import type { Channel } from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import { Secret } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import {
  replyLost,
  VaultClient,
  type VaultClientOptions,
  type VaultError,
  vaultRequest,
  vaultStateSeen,
} from '@chaveiro/vault'
import { afterEach, describe, expect, it } from 'vitest'
import { type Answerer, inTurn, json, LoopbackServer } from './loopback-server.js'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function serve(answer: Answerer): Promise<LoopbackServer> {
  const server = await LoopbackServer.start(answer)
  open.push(server)
  return server
}

function clientOf(address: string, options: Partial<VaultClientOptions> = {}): VaultClient {
  const client = new VaultClient({ address, token: () => new Secret('hvs.the-token'), ...options })
  open.push(client)
  return client
}

const envelope = (data: unknown) => ({ request_id: 'r-1', lease_id: '', lease_duration: 0, renewable: false, data })
const good = json(200, envelope({ id: 'x' }))
const read = { method: 'GET', path: 'secret/data/a', operation: 'kv_read' } as const
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: VaultError) => error.code,
  )

describe('a request', () => {
  it('bears token, namespace and the header that some listeners ask for', async () => {
    const server = await serve(good)
    const client = clientOf(server.address, { namespace: 'team/a' })
    await client.request({ ...read, method: 'POST', body: { b: 1 } })
    expect(server.asked[0]).toMatchObject({ method: 'POST', url: '/v1/secret/data/a', body: '{"b":1}' })
    expect(server.asked[0]?.headers).toMatchObject({
      'x-vault-token': 'hvs.the-token',
      'x-vault-namespace': 'team/a',
      'x-vault-request': 'true',
      'content-type': 'application/json',
    })
  })

  it('lists with GET and ?list=true, and keeps a path before /v1', async () => {
    const server = await serve(good)
    await clientOf(`${server.address}/proxy/`).request({ ...read, method: 'LIST', path: 'secret/metadata' })
    expect(server.asked[0]).toMatchObject({ method: 'GET', url: '/proxy/v1/secret/metadata?list=true' })
  })

  it('escapes what a path is made of', async () => {
    const server = await serve(good)
    await clientOf(server.address).request({ ...read, path: 'secret/data/a b?c#d%2F' })
    expect(server.asked[0]?.url).toBe('/v1/secret/data/a%20b%3Fc%23d%252F')
  })

  it.each(['secret/../sys/seal', 'secret//data', '/secret/data', 'secret/./data', 'secret/data/', ''])(
    'is not sent for the path %j',
    async (path) => {
      const server = await serve(good)
      expect(await codeOf(clientOf(server.address).request({ ...read, path }))).toBe('ERR_VAULT_INVALID_REQUEST')
      expect(server.asked).toEqual([])
    },
  )

  it('asks for the token each time, and sends none where none belongs', async () => {
    const server = await serve(good)
    let token = 0
    const client = clientOf(server.address, { token: async () => `t${++token}` })
    await client.request(read)
    await client.request(read)
    await client.request({ ...read, anonymous: true })
    expect(server.asked.map(({ headers }) => headers['x-vault-token'])).toEqual(['t1', 't2', undefined])
  })
})

describe('redirects', () => {
  const to = (location: string, status = 307): Answerer => json(status, {}, { location })

  it('never carry the token to another origin', async () => {
    const stranger = await serve(good)
    const server = await serve(to(`${stranger.address}/v1/secret/data/a`))
    expect(await codeOf(clientOf(server.address).request(read))).toBe('ERR_VAULT_REDIRECT_REFUSED')
    expect(stranger.asked).toEqual([])
  })

  it('are followed within the origin and to allowed ones, with method, body and token', async () => {
    const leader = await serve(good)
    const server = await serve(inTurn(to('/v1/elsewhere'), to(`${leader.address}/v1/secret/data/a`)))
    const client = clientOf(server.address, { allowedRedirectOrigins: [leader.address] })
    await client.request({ ...read, method: 'POST', body: { a: 1 } })
    expect(server.asked.map(({ url }) => url)).toEqual(['/v1/secret/data/a', '/v1/elsewhere'])
    expect(leader.asked[0]).toMatchObject({ method: 'POST', body: '{"a":1}' })
    expect(leader.asked[0]?.headers['x-vault-token']).toBe('hvs.the-token')
  })

  it.each([
    { name: 'without end', answer: to('/v1/secret/data/a') },
    { name: 'that would change the method', answer: to('/v1/secret/data/a', 302) },
    { name: 'without a location', answer: json(307, {}) },
    { name: 'to something that is no URL', answer: to('http://[') },
  ])('$name are refused', async ({ answer }) => {
    const server = await serve(answer)
    expect(await codeOf(clientOf(server.address).request(read))).toBe('ERR_VAULT_REDIRECT_REFUSED')
    expect(server.asked.length).toBeLessThanOrEqual(4)
  })
})

describe('an answer that is not to be used', () => {
  it.each<{ name: string; answer: Answerer; code: string }>([
    {
      name: '200 with HTML',
      answer: (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      code: 'ERR_VAULT_BAD_RESPONSE',
    },
    {
      name: '200 with cut JSON',
      answer: (_, response) => void response.end('{"data":{"x'),
      code: 'ERR_VAULT_BAD_RESPONSE',
    },
    { name: '200 with a JSON list', answer: json(200, []), code: 'ERR_VAULT_BAD_RESPONSE' },
    {
      name: '404 with HTML',
      answer: (_, response) => void response.writeHead(404).end('<html>'),
      code: 'ERR_VAULT_BAD_RESPONSE',
    },
    {
      name: '502 of a proxy',
      answer: (_, response) => void response.writeHead(502).end('<html>'),
      code: 'ERR_VAULT_UNREACHABLE',
    },
    { name: 'more than the bound', answer: json(200, envelope('x'.repeat(5000))), code: 'ERR_VAULT_BAD_RESPONSE' },
    {
      name: 'a connection that breaks',
      answer: (_, __, request) => void request.socket.destroy(),
      code: 'ERR_VAULT_UNREACHABLE',
    },
    {
      name: 'a body that breaks',
      answer: (_, response) => {
        response.writeHead(200, { 'content-length': '1000' })
        response.write('{"data"')
        setImmediate(() => response.destroy())
      },
      code: 'ERR_VAULT_UNREACHABLE',
    },
  ])('$name', async ({ answer, code }) => {
    const server = await serve(answer)
    const client = clientOf(server.address, { maxResponseBytes: 4096 })
    expect(await codeOf(client.request({ ...read, method: 'POST', body: {} }))).toBe(code)
    expect(server.asked).toHaveLength(1)
  })

  it('a server that is not there was not asked', async () => {
    const error: VaultError = await clientOf('http://127.0.0.1:1')
      .request(read)
      .catch((failure) => failure)
    expect(error).toMatchObject({ code: 'ERR_VAULT_UNREACHABLE', outcomeUnknown: false, name: 'VaultUnreachableError' })
    expect(error.message).toContain('ECONNREFUSED')
  })
})

describe('repeating', () => {
  it.each([
    {
      name: 'a read is made again after a failure that may pass',
      first: json(500, { errors: ['x'] }),
      idempotent: true,
      times: 2,
    },
    {
      name: 'a read that meets no leader',
      first: json(500, { errors: ['local node not active'] }),
      idempotent: true,
      times: 2,
    },
    {
      name: 'a read below a quota with a short Retry-After',
      first: json(429, { errors: [] }, { 'retry-after': '1' }),
      idempotent: true,
      times: 2,
    },
    {
      name: 'not with a long Retry-After',
      first: json(429, { errors: [] }, { 'retry-after': '30' }),
      idempotent: true,
      times: 1,
    },
    { name: 'not while it is sealed', first: json(503, { errors: ['Vault is sealed'] }), idempotent: true, times: 1 },
    { name: 'not what was refused', first: json(403, { errors: ['permission denied'] }), idempotent: true, times: 1 },
    { name: 'never what may have made something', first: json(500, { errors: ['x'] }), idempotent: false, times: 1 },
  ])('$name', async ({ first, idempotent, times }) => {
    const clock = new FakeClock()
    const server = await serve(inTurn(first, good))
    const done = codeOf(clientOf(server.address, { clock }).request({ ...read, idempotent }))
    await expect.poll(() => server.asked.length).toBe(1)
    await expect.poll(() => clock.advance(100).then(() => server.asked.length)).toBe(times)
    expect(await done).toMatch(times === 2 ? /^no error$/ : /^ERR_VAULT/)
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends after three times', async () => {
    const clock = new FakeClock()
    const server = await serve(json(500, { errors: ['x'] }))
    let code: string | undefined
    codeOf(clientOf(server.address, { clock }).request({ ...read, idempotent: true })).then((value) => {
      code = value
    })
    await expect.poll(() => clock.advance(20).then(() => code), { timeout: 5000 }).toBe('ERR_VAULT_BACKEND_UNAVAILABLE')
    expect(server.asked).toHaveLength(3)
  })
})

describe('time', () => {
  it('is up after timeoutMs, by the clock, and the caller is told what that may mean', async () => {
    const clock = new FakeClock()
    const server = await serve(() => {})
    const done = clientOf(server.address, { clock, timeoutMs: 5000 })
      .request(read)
      .catch((failure) => failure)
    await expect.poll(() => server.asked.length).toBe(1)
    await clock.advance(5000)
    expect(await done).toMatchObject({ code: 'ERR_VAULT_TIMEOUT', outcomeUnknown: true })
    expect(clock.pendingTimers).toBe(0)
  })

  it("ends with the caller's signal, whose reason is thrown", async () => {
    const server = await serve(() => {})
    const controller = new AbortController()
    const done = clientOf(server.address).request({ ...read, signal: controller.signal })
    await expect.poll(() => server.asked.length).toBe(1)
    controller.abort(new Error('enough'))
    await expect(done).rejects.toThrow('enough')
  })

  it('leaves no listener on a signal that outlives requests', async () => {
    const server = await serve(good)
    const { signal } = new AbortController()
    const client = clientOf(server.address)
    for (let turn = 0; turn < 5; turn += 1) await client.request({ ...read, signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('events', () => {
  async function heard<T>(channel: Channel<unknown, T>, work: () => Promise<unknown>): Promise<T[]> {
    const events: T[] = []
    const listener = (message: unknown): void => void events.push(message as T)
    channel.subscribe(listener)
    await work().catch(() => {})
    channel.unsubscribe(listener)
    return events
  }

  it('tell of each request once, with a status of a closed set and no secret', async () => {
    const server = await serve(inTurn(good, json(403, { errors: ['1 error occurred:\n\t* permission denied\n\n'] })))
    const client = clientOf(server.address)
    const events = await heard(vaultRequest, async () => {
      await client.request({ ...read, correlationId: 'c-1' })
      await client.request(read)
    })
    expect(events).toMatchObject([
      { operation: 'kv_read', status: 'success', httpStatus: 200, attempts: 1, correlationId: 'c-1', requestId: 'r-1' },
      { operation: 'kv_read', status: 'permission_denied', httpStatus: 403, errorCode: 'ERR_VAULT_PERMISSION_DENIED' },
    ])
    expect(JSON.stringify(events)).not.toContain('hvs.')
  })

  it('tell what Vault is when that changes', async () => {
    const sealed = json(503, { errors: ['Vault is sealed'] })
    const server = await serve(inTurn(good, good, sealed, sealed, good))
    const client = clientOf(server.address)
    const events = await heard(vaultStateSeen, async () => {
      for (let turn = 0; turn < 5; turn += 1) await client.request(read).catch(() => {})
    })
    expect(events.map(({ state, before }) => [before, state])).toEqual([
      [undefined, 'active'],
      ['active', 'sealed'],
      ['sealed', 'active'],
    ])
  })

  it('count a reply that was lost, when the request may have made a credential', async () => {
    const cut = await serve((_, __, request) => void request.socket.destroy())
    const refused = await serve(json(400, { errors: ['unknown role: x'] }))
    const events = await heard(replyLost, async () => {
      await clientOf(cut.address)
        .database()
        .credentials('app')
        .catch(() => {})
      await clientOf(cut.address)
        .request(read)
        .catch(() => {})
      await clientOf(refused.address)
        .database()
        .credentials('app')
        .catch(() => {})
      await clientOf('http://127.0.0.1:1')
        .database()
        .credentials('app')
        .catch(() => {})
    })
    expect(events).toEqual([{ operation: 'database_credential', correlationId: undefined }])
  })
})

describe('options', () => {
  it.each([
    ['vault.example.org', TypeError],
    ['ftp://vault.example.org', TypeError],
    ['https://user:pass@vault.example.org', TypeError],
  ])('refuse the address %s', (address, type) => {
    expect(() => new VaultClient({ address })).toThrow(type)
    expect(() => new VaultClient({ address })).not.toThrow(/pass@/)
  })

  it('refuse a time-out without sense', () => {
    expect(() => new VaultClient({ address: 'http://127.0.0.1:1', timeoutMs: 0 })).toThrow(RangeError)
  })
})

it('a derived client closes nothing, and a token that was refused is asked for once more for a read', async () => {
  const server = await serve(
    inTurn(json(403, { errors: ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'] }), good),
  )
  const client = clientOf(server.address)
  let token = 'old'
  const derived = client.withToken(() => token, {
    onTokenInvalid: async () => {
      token = 'new'
    },
  })
  await derived.request({ ...read, idempotent: true })
  await derived.close()
  await client.request(read)
  expect(server.asked.map(({ headers }) => headers['x-vault-token'])).toEqual(['old', 'new', 'hvs.the-token'])
})
