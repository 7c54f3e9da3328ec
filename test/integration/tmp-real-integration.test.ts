import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { DevAuthority } from '../../packages/dev/src/authority/dev-authority.js'
import { DevWorkloadApi } from '../../packages/dev/src/workload-api/dev-workload-api.js'
import { PostgresServer } from '../../packages/dev/src/postgres/server.js'
import { RealVault } from '../../packages/dev/src/real/vault.js'
import { exitCodeFor, type ServiceReport, type StartOptions, VaultIntegration } from '@chaveiro/integration'
import { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
let stack: any
let env: Record<string, string>
let parts: any[] = []
let folder: string
const leftBehind = async (_: unknown) => {
  const list = async (p: string): Promise<number> => {
    const r = await fetch(`${stack.vault.address}/v1/${p}?list=true`, { headers: { 'x-vault-token': stack.vault.rootToken.expose() } })
    if (r.status === 404) return 0
    return (((await r.json()) as any).data.keys as string[]).length
  }
  const c = new pg.Client({ host: stack.database.host, port: stack.database.port, user: stack.database.superuser.username, password: stack.database.superuser.password.expose(), database: 'postgres' })
  await c.connect()
  const users = await c.query("select count(*)::int as n from pg_roles where rolname like 'v-%'")
  await c.end()
  return { leases: (await list('sys/leases/lookup/database/creds/temporal-orchestrator')) + (await list('sys/leases/lookup/auth/jwt/login')), database_users: users.rows[0].n }
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chv-'))
  const td = TrustDomain.parse('neural-hive.local')
  const authority = await DevAuthority.create({ trustDomain: td, x509TtlSeconds: 60, jwtTtlSeconds: 30 })
  const api = await DevWorkloadApi.start({ authority, folder: join(folder, 'id') })
  const vault = await RealVault.start({ storage: 'file' })
  const database = await PostgresServer.start()
  parts = [vault, database, api]
  stack = { vault, database, unseal: () => vault.unseal() }
  const call = async (method: string, path: string, body?: unknown) => {
    const r = await fetch(`${vault.address}/v1/${path}`, { method, headers: { 'x-vault-token': vault.rootToken.expose() }, body: body ? JSON.stringify(body) : undefined })
    if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`)
  }
  const c = new pg.Client({ host: database.host, port: database.port, user: database.superuser.username, password: database.superuser.password.expose(), database: 'postgres' })
  await c.connect()
  await c.query('CREATE ROLE temporal_orchestrator NOLOGIN'); await c.query('CREATE DATABASE temporal'); await c.end()
  await call('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } }).catch(() => {})
  await call('POST', 'sys/mounts/database', { type: 'database' })
  await call('POST', 'database/config/temporal', { plugin_name: 'postgresql-database-plugin', connection_url: `postgresql://{{username}}:{{password}}@${database.host}:${database.port}/temporal?sslmode=disable`, username: database.superuser.username, password: database.superuser.password.expose(), allowed_roles: ['temporal-orchestrator'] })
  await call('POST', 'database/roles/temporal-orchestrator', { db_name: 'temporal', default_ttl: '60s', max_ttl: '24h', creation_statements: [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE temporal_orchestrator`], revocation_statements: [`DROP ROLE IF EXISTS "{{name}}"`] })
  await call('POST', 'sys/auth/jwt', { type: 'jwt' })
  await call('POST', 'auth/jwt/config', { jwks_url: api.jwksUrl })
  await call('POST', 'sys/policies/acl/orch', { policy: 'path "secret/data/orchestrator/*" { capabilities = ["read"] }\npath "database/creds/temporal-orchestrator" { capabilities = ["read"] }\npath "sys/leases/renew" { capabilities = ["update"] }\npath "sys/leases/revoke/database/creds/temporal-orchestrator/*" { capabilities = ["update"] }' })
  await call('POST', 'auth/jwt/role/orchestrator-dynamic', { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault.neural-hive.local'], bound_subject: 'spiffe://neural-hive.local/ns/neural-hive-orchestration/sa/orchestrator-dynamic', token_policies: ['orch'], token_ttl: '60s', token_max_ttl: '24h' })
  await new Promise((r) => setTimeout(r, 2500))
  await call('POST', 'secret/data/orchestrator/kafka', { data: { username: 'u', password: 'planted-kafka-pw' } })
  const endpoint = await api.addWorkload({ id: SpiffeId.of(td, '/ns/neural-hive-orchestration/sa/orchestrator-dynamic'), socketName: 'o.sock' })
  env = { CHAVEIRO_SERVICE_NAME: 'orchestrator-dynamic', VAULT_ADDR: vault.address, CHAVEIRO_VAULT_AUDIENCE: 'vault.neural-hive.local', SPIFFE_ENDPOINT_SOCKET: endpoint, CHAVEIRO_ADMIN_ADDRESS: '127.0.0.1:0', CHAVEIRO_DATABASE_HOST: database.host, CHAVEIRO_DATABASE_PORT: String(database.port), CHAVEIRO_DATABASE_NAME: 'temporal', CHAVEIRO_DATABASE_ROLE: 'temporal-orchestrator', CHAVEIRO_START_TIMEOUT: '15s' }
})
afterAll(async () => { for (const p of parts) await p.close(); await rm(folder, { recursive: true, force: true }) })

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

describe('extra', () => {
  it.each([
    ['role', { CHAVEIRO_DATABASE_ROLE: 'temporal-admin' }, 4],
    ['port', { CHAVEIRO_DATABASE_PORT: '1', CHAVEIRO_START_TIMEOUT: '3s' }, 3],
    ['vault away', { VAULT_ADDR: 'http://127.0.0.1:1', CHAVEIRO_START_TIMEOUT: '2s' }, 3],
    ['aud', { CHAVEIRO_VAULT_AUDIENCE: 'x' }, 4],
    ['nosock', { SPIFFE_ENDPOINT_SOCKET: 'unix:///nowhere/agent.sock', CHAVEIRO_START_TIMEOUT: '2s' }, 3],
  ])('%s', async (_n, e, want) => {
    const lines = new Lines()
    const t = Date.now()
    const error: any = await VaultIntegration.start({ env: { ...env, ...(e as any) }, logStream: lines }).catch((x) => x)
    console.log(_n, Date.now() - t, 'ms', error.code, error.message, '|', error.cure, exitCodeFor(error), lines.of('vault_initialization_failed').map((l) => JSON.stringify(l.error)))
    expect(exitCodeFor(error)).toBe(want)
    expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
  })
  it('runs with short lives', async () => {
    const { service, lines } = await start()
    const r = service.report()
    console.log(r.rotations.map((x) => `${x.credential_type} ${x.name} ${x.state} ${x.ttl_seconds}`))
    await service.close()
    console.log(lines.texts.join(''))
  })
})
