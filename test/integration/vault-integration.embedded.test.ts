/**
 * One service on the embedded stack, from start to end: what it holds, how it tells of it, what it leaves behind.
 */
import { readFile } from 'node:fs/promises'
import { EmbeddedStack, leftBehind, prepareStack, sampleFiles, sampleServices } from '@chaveiro/dev'
import { type ServiceReport, type StartOptions, VaultIntegration } from '@chaveiro/integration'
import { readManifest } from '@chaveiro/operations'
import { SpiffeId } from '@chaveiro/spiffe'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let stack: EmbeddedStack
let env: Record<string, string>

beforeAll(async () => {
  const files = sampleFiles()
  const manifest = readManifest(await readFile(files.manifest, 'utf8'), files.manifest)
  stack = await EmbeddedStack.start({
    trustDomain: manifest.trustDomain,
    ttls: { x509SvidSeconds: 60, jwtSvidSeconds: 30 },
  })
  await prepareStack(stack, manifest)
  const orchestrator = sampleServices.find(({ name }) => name === 'orchestrator-dynamic')
  if (!orchestrator) throw new Error('the sample platform has an orchestrator')
  const admission = await stack.admit(orchestrator.name, SpiffeId.of(stack.trustDomain, orchestrator.path))
  env = { ...orchestrator.env(stack, '127.0.0.1:1'), ...admission.env, CHAVEIRO_START_TIMEOUT: '15s' }
})

afterAll(async () => {
  await stack?.close()
})

interface Line {
  readonly event: string
  readonly [field: string]: unknown
}

class Lines {
  readonly texts: string[] = []
  write(text: string): void {
    this.texts.push(text)
  }
  get all(): Line[] {
    return this.texts.map((text) => JSON.parse(text) as Line)
  }
  of(event: string): Line[] {
    return this.all.filter((line) => line.event === event)
  }
}

async function start(options: StartOptions = {}): Promise<{ service: VaultIntegration; lines: Lines; url: string }> {
  const lines = new Lines()
  const service = await VaultIntegration.start({ ...options, env: { ...env, ...options.env }, logStream: lines })
  return { service, lines, url: `http://${service.adminAddress}` }
}

const admin = (): VaultClient => new VaultClient({ address: stack.vault.address, token: () => stack.vault.rootToken })

describe('a service on its identity alone', () => {
  it('holds everything, uses it, tells of it without a secret, and leaves nothing behind', async () => {
    const { service, lines, url } = await start()
    const outputs: string[] = []
    const secrets: string[] = []
    try {
      const { rows } = await service.pool.query('SELECT current_user AS me')
      expect(rows[0].me).toMatch(/^v-/)
      const kafka = await service.secrets.read('orchestrator/kafka')
      expect(kafka.keys.toSorted()).toEqual(['password', 'username'])
      expect(kafka.version).toBe(1)
      secrets.push(kafka.get('password').expose(), service.vault.token.current().token.expose())
      secrets.push((await service.identity.jwt.fetchJwtSvid({ audience: 'peer' })).token.expose())

      expect((await fetch(`${url}/readyz`)).status).toBe(200)
      const report = (await (await fetch(`${url}/rotations`)).json()) as ServiceReport
      expect(report).toMatchObject({ vault_state: 'active', static_credentials: [], ready: true })
      expect(report.spiffe_id).toMatch(/^spiffe:\/\/neural-hive\.local\//)
      expect(new Set(report.rotations.map(({ credential_type }) => credential_type))).toEqual(
        new Set(['x509_svid', 'jwt_svid', 'token', 'database']),
      )
      const metrics = await service.metrics()
      for (const sample of [
        /^vault_token_ttl_seconds \d/m,
        /^vault_credential_ttl_seconds\{credential_type="database"\} \d/m,
        /^spiffe_svid_ttl_seconds\{svid_type="x509"\} \d/m,
        /^spiffe_svid_ttl_seconds\{svid_type="jwt"\} \d/m,
        /^vault_requests_total\{operation="login",status="success"\} 1/m,
        /^chaveiro_vault_up\{state="active"\} 1/m,
        /^chaveiro_runway_seconds\{dependency="vault"\} \d/m,
        /^chaveiro_runway_seconds\{dependency="spire"\} \d/m,
        /^spiffe_trust_bundle_last_update_timestamp_seconds \d/m,
      ]) {
        expect(metrics).toMatch(sample)
      }
      expect(metrics).not.toMatch(/="other"/)
      outputs.push(metrics, JSON.stringify(report), await (await fetch(url)).text())
    } finally {
      await service.close('test')
    }
    expect(lines.all.map(({ event }) => event)).toEqual(
      expect.arrayContaining([
        'svid_updated',
        'trust_bundle_updated',
        'vault_login_succeeded',
        'credential_fetched',
        'vault_integration_initialized',
        'credential_revoked',
        'shutdown_complete',
      ]),
    )
    expect(lines.of('shutdown_complete')).toMatchObject([{ reason: 'test', left_open: [] }])
    expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
    outputs.push(...lines.texts)
    for (const secret of secrets) expect(outputs.filter((output) => output.includes(secret))).toEqual([])
  })

  it('renews everything on POST /rotate, and the pool never notices', async () => {
    const { service, lines, url } = await start()
    try {
      const answer = await fetch(`${url}/rotate`, { method: 'POST', headers: { 'X-Chaveiro-Request': 'rotate' } })
      expect(await answer.json()).toMatchObject({ failed: [] })
      expect(lines.of('vault_token_renewed')).toMatchObject([{ reason: 'request' }])
      expect(lines.of('credential_renewed')).toMatchObject([{ reason: 'request', credential_type: 'database' }])
      await service.pool.query('SELECT 1')
    } finally {
      await service.close()
    }
  })

  it('lives on what it holds while Vault is sealed, and says what it sees', async () => {
    const { service, url } = await start()
    await using client = admin()
    try {
      await client.sys.seal()
      await service.renewAll()
      await service.pool.query('SELECT 1')
      expect((await fetch(`${url}/healthz`)).status).toBe(200)
      expect((await fetch(`${url}/readyz`)).status).toBe(200)
      expect(await service.metrics()).toMatch(/^chaveiro_vault_up\{state="sealed"\} 1/m)
    } finally {
      await stack.unseal()
      await service.close()
    }
    expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
  })
})

describe('a start that fails', () => {
  it('waits for a database that is down, as long as it may, then names it; nothing is left', async () => {
    await stack.database.stop()
    try {
      await expect(start({ env: { CHAVEIRO_START_TIMEOUT: '2s' } })).rejects.toMatchObject({
        code: 'ERR_INTEGRATION_START_TIMEOUT',
        message: expect.stringContaining('database'),
      })
    } finally {
      await stack.database.startAgain()
    }
    expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
  })

  it('goes on when what was down comes up in time', async () => {
    await stack.database.stop()
    const starting = start()
    await stack.database.startAgain()
    const { service } = await starting
    await service.pool.query('SELECT 1')
    await service.close()
  })

  it('does not wait for a refusal', async () => {
    const lines = new Lines()
    const refused = VaultIntegration.start({ env: { ...env, CHAVEIRO_VAULT_ROLE: 'nobody' }, logStream: lines })
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_INTEGRATION_START_FAILED',
      cure: expect.any(String),
    })
    expect(lines.of('vault_initialization_failed')).toMatchObject([{ level: 'error', reason: 'vault' }])
  })

  it('is given up when the caller says so', async () => {
    const stop = new AbortController()
    const starting = start({ env: { VAULT_ADDR: 'http://127.0.0.1:1' }, signal: stop.signal })
    stop.abort()
    await expect(starting).rejects.toMatchObject({ code: 'ERR_INTEGRATION_START_FAILED' })
  })
})
