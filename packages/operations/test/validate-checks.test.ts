import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type AttestedNode,
  checkCatalogue,
  Inspection,
  locateManifest,
  type Platform,
  runChecks,
  SpireServerError,
} from '@chaveiro/operations'
import { FakeClock } from '@chaveiro/rotation/testing'
import { afterEach, describe, expect, it } from 'vitest'

const located = locateManifest(
  `version: 1
trustDomain: a.example
vault: { audience: vault.a.example }
workloads:
  - { name: one, id: spiffe://a.example/ns/x/sa/one, selectors: [unix:uid:1] }
`,
  'chaveiro.yaml',
)
const wallMs = Date.UTC(2026, 0, 1)

/** Runs one check alone on a platform of which only some parts are there. */
async function look(code: string, parts: object) {
  const clock = new FakeClock({ wallMs })
  const platform = { located, env: {}, services: [], clock, ...parts } as unknown as Platform
  const checks = checkCatalogue.filter((check) => check.code === code).map((check) => ({ ...check, needs: [] }))
  const [result] = await runChecks(checks, () => new Inspection(platform), { clock })
  return result
}

const agent = (changes: Partial<AttestedNode> = {}): AttestedNode => ({
  id: 'spiffe://a.example/spire/agent/one',
  attestationType: 'join_token',
  svidExpiresAtMs: wallMs + 1000,
  banned: false,
  version: '1.15.3',
  ...changes,
})

describe('the checks of SPIRE', () => {
  it.each([
    { name: 'agents that live', agents: [agent()], status: 'ok', says: undefined },
    { name: 'no agent', agents: [], status: 'failed', says: 'no agent is attested' },
    {
      name: 'an agent that answers although its own SVID has expired (pain 8)',
      agents: [agent({ svidExpiresAtMs: wallMs - 1 })],
      status: 'failed',
      says: 'has expired',
    },
    {
      name: 'one of several that has expired',
      agents: [agent(), agent({ svidExpiresAtMs: wallMs - 1 })],
      status: 'warning',
      says: '1 of 2',
    },
    { name: 'one that is banned', agents: [agent(), agent({ banned: true })], status: 'warning', says: '1 of 2' },
    {
      name: 'a release that does not receive new entries (pain 6)',
      agents: [agent({ version: '1.15.2' })],
      status: 'warning',
      says: 'does not receive new entries',
    },
  ])('tell $name', async ({ agents, status, says }) => {
    const result = await look('CHV0503', { spire: { listAgents: async () => agents } })
    expect(result?.status).toBe(status)
    if (says) expect(result?.cause).toContain(says)
  })

  it('tell tokens that SPIRE hands out already expired (pain 3)', async () => {
    const mint = { mintJwtSvid: async () => ({ expiresAtMs: wallMs - 30_000 }) }
    const result = await look('CHV0601', { mint })
    expect(result).toMatchObject({ status: 'failed', cause: expect.stringContaining('expired 30 s before') })
    expect(result?.cure).toContain('key was not rotated')
  })

  it.each([
    { name: 'named, and away', spireNamed: true, status: 'failed', reason: 'unreachable' },
    { name: 'not named, and not here', spireNamed: false, status: 'unknown', reason: 'input' },
  ])('tell a server that is $name', async ({ spireNamed, status, reason }) => {
    const healthy = () => Promise.reject(new SpireServerError('ERR_SPIRE_SERVER_UNREACHABLE', 'away'))
    const result = await look('CHV0501', { spire: { healthy, address: 'unix:/x' }, spireNamed })
    expect(result).toMatchObject({ status, reason })
  })
})

describe('the check of the clocks', () => {
  it.each([
    { behindS: 0, status: 'ok' },
    { behindS: 4, status: 'ok' },
    { behindS: 10, status: 'warning' },
    { behindS: 90, status: 'failed' },
    { behindS: -90, status: 'failed' },
  ])('finds $status when Vault is $behindS s behind', async ({ behindS, status }) => {
    const health = async () => ({ serverTimeMs: wallMs - behindS * 1000 })
    expect(await look('CHV0105', { vault: { sys: { health } } })).toMatchObject({ status })
  })
})

describe('the checks of services', () => {
  let server: Server | undefined
  afterEach(() => server?.close())

  async function service(answers: Readonly<Record<string, readonly [number, string]>>) {
    server = createServer((request, response) => {
      const [status, body] = answers[request.url ?? ''] ?? [404, '']
      response.writeHead(status).end(body)
    })
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return { services: [{ name: 'one', admin: `http://127.0.0.1:${port}` }] }
  }

  it.each<{ name: string; code: string; answers: Readonly<Record<string, readonly [number, string]>>; says: string }>([
    { name: 'not ready', code: 'CHV0701', answers: { '/readyz': [503, '{"status":"not_ready"}'] }, says: 'not_ready' },
    { name: 'without metrics', code: 'CHV0702', answers: { '/metrics': [404, ''] }, says: '404' },
    {
      name: 'with other metrics',
      code: 'CHV0702',
      answers: { '/metrics': [200, '# TYPE x gauge'] },
      says: 'lacks vault_token_ttl',
    },
    {
      name: 'overdue',
      code: 'CHV0703',
      answers: { '/rotations': [200, '{"rotations":[{"credential_type":"token","name":"session","overdue":true}]}'] },
      says: 'overdue: token session',
    },
  ])('tell a service that is $name', async ({ code, answers, says }) => {
    const result = await look(code, await service(answers))
    expect(result).toMatchObject({ status: 'failed', cause: expect.stringContaining(says) })
  })

  it('tell a service that does not answer from one that nobody named', async () => {
    const away = await look('CHV0701', { services: [{ name: 'one', admin: 'http://127.0.0.1:1' }] })
    expect(away).toMatchObject({ status: 'failed', reason: 'unreachable' })
    expect(await look('CHV0701', {})).toMatchObject({ status: 'unknown', reason: 'input' })
  })
})
