import { request as httpRequest } from 'node:http'
import { createServer } from 'node:net'
import type { Clock } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeSource, type Lines, planted, settled, startStatic } from './service.js'

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** Unlike `fetch`, sends any Host header. */
function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {} as Record<string, string> } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(new URL(path, url), { method, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    request.on('error', reject).end()
  })
}

let clock: FakeClock
let running: Awaited<ReturnType<typeof startStatic>>
let url: string
let lines: Lines

beforeEach(async () => {
  clock = new FakeClock({ wallMs: Date.UTC(2026, 10, 23), seed: 1 })
  running = await startStatic({ clock })
  url = running.url
  lines = running.lines
})

afterEach(async () => {
  await running.service.close()
})

/** Puts a credential under rotation and waits until it is held. */
async function hold(options: Parameters<typeof fakeSource>[0] = {}): Promise<void> {
  const rotation = running.service.rotate(fakeSource(options))
  await rotation.ready()
  await settled()
}

describe('what is served', () => {
  it('listens on loopback only', () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })

  it('/metrics in the Prometheus text format', async () => {
    await hold()
    const { status, headers, body } = await ask(url, '/metrics')
    expect(status).toBe(200)
    expect(headers['content-type']).toContain('text/plain')
    expect(body).toContain('vault_credential_ttl_seconds{credential_type="database"} 60')
  })

  it('/rotations with snapshots, events, and no value', async () => {
    await hold()
    const { status, body } = await ask(url, '/rotations')
    expect(status).toBe(200)
    expect(JSON.parse(body)).toMatchObject({
      service: 'orchestrator-dynamic',
      at: '2026-11-23T00:00:00.000Z',
      spiffe_id: null,
      static_credentials: ['vault', 'spire'],
      ready: true,
      rotations: [
        {
          credential_type: 'database',
          name: 'temporal',
          state: 'live',
          ttl_seconds: 60,
          remaining_seconds: 60,
          overdue: false,
          renewals: 0,
          events: [{ event: 'issued', cause: 'start' }, { event: 'scheduled' }],
        },
      ],
    })
  })

  it('/healthz and /readyz', async () => {
    expect(await ask(url, '/healthz')).toMatchObject({ status: 200 })
    expect(JSON.parse((await ask(url, '/readyz')).body)).toEqual({
      status: 'ready',
      service: 'orchestrator-dynamic',
      static_credentials: ['vault', 'spire'],
      missing: [],
    })
  })

  it.each(['/assets/status-page.js', '/assets/status-page.css', '/assets/icon.svg'])('%s', async (path) => {
    expect((await ask(url, path)).status).toBe(200)
  })

  it('HEAD without a body', async () => {
    const { status, body } = await ask(url, '/healthz', { method: 'HEAD' })
    expect([status, body]).toEqual([200, ''])
  })
})

describe('readiness and liveness', () => {
  it('readyz is 503 and names what is missing when nothing valid is left; healthz stays 200; both recover', async () => {
    let away: Error | undefined
    await hold({ fail: () => away })
    away = Object.assign(new Error(`refused with ${planted.token}`), { code: 'ERR_VAULT_SEALED' })
    await clock.advance(120_000)

    const unready = await ask(url, '/readyz')
    expect(unready.status).toBe(503)
    expect(JSON.parse(unready.body)).toMatchObject({
      status: 'not_ready',
      missing: [{ credential_type: 'database', name: 'temporal', reason: 'expired', error_code: 'ERR_VAULT_SEALED' }],
    })
    expect(unready.body).not.toContain(planted.token)
    expect((await ask(url, '/healthz')).status).toBe(200)

    await clock.advance(24 * 3_600_000)
    expect((await ask(url, '/healthz')).status).toBe(200)

    away = undefined
    await clock.advance(600_000)
    expect((await ask(url, '/readyz')).status).toBe(200)
  })

  it('a credential that was never obtained is not ready either', async () => {
    running.service.rotate(fakeSource({ credentialType: 'token', name: 'session', fail: () => new Error('away') }))
    await settled()
    expect(JSON.parse((await ask(url, '/readyz')).body)).toMatchObject({
      missing: [{ credential_type: 'token', reason: 'not obtained yet' }],
    })
  })

  it('healthz is 503 when a credential has ended and nobody tries any more', async () => {
    // Time passes and no timer of the engine runs: what a broken engine looks like.
    let passedMs = 0
    const broken: Clock = {
      monotonicMs: () => clock.monotonicMs() + passedMs,
      wallMs: () => clock.wallMs() + passedMs,
      schedule: (delayMs, run) => clock.schedule(delayMs, run),
      random: () => clock.random(),
    }
    const stuck = await startStatic({ clock: broken })
    await stuck.service.rotate(fakeSource()).ready()
    passedMs = 14 * 60_000
    expect((await ask(stuck.url, '/healthz')).status).toBe(200)
    passedMs = 16 * 60_000
    const { status, body } = await ask(stuck.url, '/healthz')
    expect([status, JSON.parse(body)]).toMatchObject([
      503,
      { status: 'stuck', missing: [{ credential_type: 'database', reason: 'no longer tried for' }] },
    ])
    await stuck.service.close()
  })
})

describe('the status page', () => {
  const contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  it('is HTML under a strict content security policy, with nothing inline', async () => {
    await hold()
    const { status, headers, body } = await ask(url, '/')
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(headers['content-security-policy']).toBe(contentSecurityPolicy)
    expect(body).not.toMatch(/<script(?![^>]*src=)/)
    expect(body).not.toMatch(/ style=| on[a-z]+="/)
  })

  it('shows each life as a bar that says in words what it shows', async () => {
    await hold()
    await clock.advance(15_000)
    const { body } = await ask(url, '/')
    expect(body).toContain('role="progressbar"')
    expect(body).toContain('aria-valuetext="45 s of 60 s"')
  })

  it('escapes what a name brings along', async () => {
    await hold({ name: '<script>alert(1)</script>"\'&' })
    const { body } = await ask(url, '/')
    expect(body).not.toContain('<script>alert')
    expect(body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })

  it('is alive: the stream sends the state at once and every second', async () => {
    await hold()
    const stop = new AbortController()
    const response = await fetch(new URL('/events', url), { signal: stop.signal })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let seen = ''
    const until = async (text: string): Promise<void> => {
      while (!seen.includes(text)) seen += (await reader?.read())?.value ?? ''
    }
    await until('60 s of 60 s')
    await clock.advance(1000)
    await until('59 s of 60 s')
    stop.abort()
  })
})

describe('what is refused', () => {
  it.each(['evil.example', 'evil.example:80', 'localhost.evil.example', '[::1'])(
    'a Host header that is not ours: "%s" (DNS rebinding)',
    async (host) => {
      expect((await ask(url, '/rotations', { headers: { Host: host } })).status).toBe(421)
    },
  )

  it.each(['localhost', 'LOCALHOST:1234', '127.0.0.1', '[::1]:9464', '10.1.2.3:9464'])(
    'but not the host %s',
    async (host) => {
      expect((await ask(url, '/rotations', { headers: { Host: host } })).status).toBe(200)
    },
  )

  it.each([
    { path: '/', method: 'POST', status: 405, allow: 'GET' },
    { path: '/metrics', method: 'DELETE', status: 405, allow: 'GET' },
    { path: '/rotate', method: 'GET', status: 405, allow: 'POST' },
    { path: '/rotate', method: 'OPTIONS', status: 405, allow: 'POST' },
    { path: '/../etc/passwd', method: 'GET', status: 404, allow: undefined },
    { path: '/assets/../package.json', method: 'GET', status: 404, allow: undefined },
  ])('$method $path', async ({ path, method, status, allow }) => {
    const reply = await ask(url, path, { method })
    expect([reply.status, reply.headers.allow]).toEqual([status, allow])
  })

  it('bears the protecting headers on refusals too', async () => {
    expect((await ask(url, '/nothing')).headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'none'"),
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    })
  })
})

describe('POST /rotate', () => {
  const meant = { 'X-Chaveiro-Request': 'rotate' }

  it('renews everything now', async () => {
    await hold()
    await clock.advance(5000)
    const { status, body } = await ask(url, '/rotate', { method: 'POST', headers: meant })
    expect([status, JSON.parse(body)]).toEqual([
      200,
      { renewed: [{ credential_type: 'database', name: 'temporal' }], failed: [] },
    ])
    expect(lines.of('credential_renewed')).toMatchObject([{ reason: 'request' }])
  })

  it('answers 502 and names what failed, by its code alone', async () => {
    let away: Error | undefined
    await hold({ fail: () => away })
    away = Object.assign(new Error(planted.token), { code: 'ERR_VAULT_SEALED' })
    const { status, body } = await ask(url, '/rotate', { method: 'POST', headers: meant })
    expect([status, JSON.parse(body)]).toEqual([
      502,
      { renewed: [], failed: [{ credential_type: 'database', name: 'temporal', error_code: 'ERR_VAULT_SEALED' }] },
    ])
  })

  it.each<{ name: string; headers: Record<string, string> }>([
    { name: 'without the header that a page of another site cannot send', headers: {} },
    { name: 'from another origin', headers: { ...meant, Origin: 'https://evil.example' } },
    { name: 'by a page of another site', headers: { ...meant, 'Sec-Fetch-Site': 'cross-site' } },
    { name: 'by an address that is not loopback', headers: { ...meant, Host: '10.1.2.3:9464' } },
  ])('is refused $name', async ({ headers }) => {
    await hold()
    expect((await ask(url, '/rotate', { method: 'POST', headers })).status).toBe(403)
    expect(lines.of('credential_renewed')).toEqual([])
  })

  it('is what the page does when its button is pressed', async () => {
    await hold()
    const headers = { ...meant, Origin: url, Host: new URL(url).host, 'Sec-Fetch-Site': 'same-origin' }
    expect((await ask(url, '/rotate', { method: 'POST', headers })).status).toBe(200)
  })
})

describe('the address', () => {
  it('taken by another process: a clear error, and nothing is left open', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as { port: number }
    const hups = process.listenerCount('SIGHUP')
    await expect(startStatic({ env: { CHAVEIRO_ADMIN_ADDRESS: `127.0.0.1:${port}` } })).rejects.toMatchObject({
      code: 'ERR_INTEGRATION_ADMIN_ADDRESS_IN_USE',
      message: expect.stringContaining(`127.0.0.1:${port}`),
      cure: expect.stringContaining('CHAVEIRO_ADMIN_ADDRESS'),
    })
    expect(process.listenerCount('SIGHUP')).toBe(hups)
    await new Promise((resolve) => other.close(resolve))
  })

  it('is free again after close', async () => {
    const { port } = new URL(url)
    await running.service.close()
    await using again = await startStatic({ env: { CHAVEIRO_ADMIN_ADDRESS: `127.0.0.1:${port}` } })
    expect(again.url).toBe(url)
  })

  it('is not opened at all when switched off', async () => {
    await using quiet = await startStatic({ env: { CHAVEIRO_ADMIN_ENABLED: 'false' } })
    expect(quiet.service.adminAddress).toBeUndefined()
  })
})
