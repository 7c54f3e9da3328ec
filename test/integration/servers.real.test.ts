import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { PostgresServer, RealSpire, RealVault, type WorkloadPlace, WorkloadRunner } from '@chaveiro/dev'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeReal, showLogsOnFailure } from '../support/real.js'

const fetchScript = join(import.meta.dirname, '..', 'support', 'fetch-jwt-svid.js')

interface Answer {
  id?: string
  token?: string
  code?: number
  details?: string
}

/** Asks SPIRE's agent for a JWT-SVID as the process that stands in that place. */
async function fetchJwtSvid(spire: RealSpire, place: WorkloadPlace, audience: string): Promise<Answer> {
  const { execPath, ...ids } = place.spawnOptions
  const env = { SPIFFE_ENDPOINT_SOCKET: spire.workloadApiEndpoint }
  const { stdout } = await promisify(execFile)(execPath, [fetchScript, audience], { ...ids, env, cwd: '/' })
  return JSON.parse(stdout)
}

/** This very process, and every child of it that is not placed elsewhere. */
const ownPlace: WorkloadPlace = {
  selectors: [`unix:uid:${process.getuid?.()}`],
  spawnOptions: { execPath: process.execPath },
}

async function vaultCall<T>(
  vault: RealVault,
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<T> {
  const response = await fetch(`${vault.address}/v1/${path}`, {
    method,
    headers: { 'X-Vault-Token': token ?? vault.rootToken.expose() },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return (text ? JSON.parse(text) : undefined) as T
}

const parts = ['server', 'agent', 'discoveryProvider'] as const

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describeReal('identity to database on real servers', ['vault', 'spire'], () => {
  const id = 'spiffe://neural-hive.local/ns/neural-hive-orchestration/sa/orchestrator-dynamic'
  const audience = 'vault.neural-hive.local'
  let folder: string
  let spire: RealSpire
  let vault: RealVault
  let postgres: PostgresServer
  let token: string

  showLogsOnFailure(() => [vault?.process, ...parts.map((part) => spire?.process(part))])

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaveiro-servers-test-'))
    spire = await RealSpire.start({ folder, jwtTtlSeconds: 30 })
    vault = await RealVault.start({ folder })
    postgres = await PostgresServer.start()
    const entry = await spire.createEntry({ id, selectors: ownPlace.selectors })
    await spire.waitForEntry(entry.entryId)
  })

  afterAll(async () => {
    const running = [vault?.process, ...parts.map((part) => spire?.process(part))].filter((each) => each !== undefined)
    for (const server of [postgres, vault, spire]) await server?.close()
    const left = await readdir(folder)
    await rm(folder, { recursive: true })
    expect(left).toEqual([])
    expect(running.filter(({ pid }) => isRunning(pid))).toEqual([])
  })

  it('runs the pinned versions', async () => {
    expect(await vault.version()).toBe('1.21.1')
    expect(await spire.version()).toMatch(/^1\.15\.3/)
    expect(postgres.version).toMatch(/^18\./)
  })

  it('keeps secrets out of what may be shown of its log', () => {
    expect(vault.process?.logTail(10_000)).toContain('Vault server started')
    expect(vault.process?.logTail(10_000)).not.toMatch(new RegExp(`${vault.rootToken.expose()}|Unseal Key`))
  })

  it('logs in to Vault with a fresh JWT-SVID, whose keys Vault reads from the discovery provider', async () => {
    await vaultCall(vault, 'POST', 'sys/auth/jwt', { type: 'jwt' })
    await vaultCall(vault, 'POST', 'auth/jwt/config', {
      jwks_url: spire.jwksUrl,
      jwt_supported_algs: ['ES256', 'RS256'],
    })
    await vaultCall(vault, 'POST', 'auth/jwt/role/orchestrator-dynamic', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: [audience],
      bound_subject: id,
      token_policies: ['database'],
      token_ttl: '30s',
    })
    const svid = await fetchJwtSvid(spire, ownPlace, audience)
    expect(svid.id).toBe(id)
    const login = { role: 'orchestrator-dynamic', jwt: svid.token }
    const { auth } = await vaultCall<{ auth: { client_token: string; lease_duration: number } }>(
      vault,
      'POST',
      'auth/jwt/login',
      login,
    )
    expect(auth.lease_duration).toBe(30)
    token = auth.client_token
  })

  it('refuses a JWT-SVID for another audience', async () => {
    const svid = await fetchJwtSvid(spire, ownPlace, 'service-registry.neural-hive.local')
    const login = { role: 'orchestrator-dynamic', jwt: svid.token }
    await expect(vaultCall(vault, 'POST', 'auth/jwt/login', login)).rejects.toThrow('400')
  })

  it('leases a PostgreSQL user that works, and takes it away again', async () => {
    const { username, password } = postgres.superuser
    await vaultCall(vault, 'POST', 'sys/mounts/database', { type: 'database' })
    await vaultCall(vault, 'POST', 'database/config/main', {
      plugin_name: 'postgresql-database-plugin',
      allowed_roles: ['temporal-orchestrator'],
      connection_url: `postgresql://{{username}}:{{password}}@${postgres.host}:${postgres.port}/postgres?sslmode=disable`,
      username,
      password: password.expose(),
      password_authentication: 'scram-sha-256',
    })
    await vaultCall(vault, 'POST', 'database/roles/temporal-orchestrator', {
      db_name: 'main',
      creation_statements: [`CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`],
      default_ttl: '20s',
      max_ttl: '60s',
    })
    const rules = 'path "database/creds/temporal-orchestrator" { capabilities = ["read"] }'
    await vaultCall(vault, 'PUT', 'sys/policies/acl/database', { policy: rules })
    const lease = await vaultCall<{ lease_id: string; lease_duration: number; data: Record<string, string> }>(
      vault,
      'GET',
      'database/creds/temporal-orchestrator',
      undefined,
      token,
    )
    expect(lease.lease_duration).toBe(20)
    const { username: user, password: secret } = lease.data as { username: string; password: string }
    const client = new pg.Client({
      host: postgres.host,
      port: postgres.port,
      user,
      password: secret,
      database: 'postgres',
    })
    await client.connect()
    expect((await client.query('SELECT current_user AS who')).rows).toEqual([{ who: user }])
    await client.end()
    await vaultCall(vault, 'PUT', 'sys/leases/revoke', { lease_id: lease.lease_id, sync: true })
    expect(await postgres.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [user])).toEqual([])
  })
})

describeReal('RealSpire tells services on one machine apart', ['spire'], () => {
  let folder: string
  let spire: RealSpire

  showLogsOnFailure(() => [spire?.process('agent')])

  beforeAll(async () => {
    // On the disk of the checkout's node, or not: a hard link or a copy, either must do.
    folder = await realpath(await mkdtemp(join(tmpdir(), 'chaveiro-places-test-')))
    spire = await RealSpire.start()
  })

  afterAll(async () => {
    await spire.close()
    await rm(folder, { recursive: true })
  })

  it.for(['uid', 'path'] as const)('by %s', async (separation, { skip }) => {
    const reads = [fetchScript, spire.agentSocket]
    const chosen = await WorkloadRunner.choose({ folder, reads })
    if (separation === 'uid' && chosen.separation === 'path') skip(chosen.explanation)
    const runner = await WorkloadRunner.choose({ folder, reads, separation })
    const idOf = (name: string): string => `spiffe://neural-hive.local/ns/${separation}/sa/${name}`
    const names = ['worker-agents', 'service-registry']
    for (const name of names) {
      const { selectors } = await runner.place(name)
      const { entryId } = await spire.createEntry({ id: idOf(name), selectors })
      await spire.waitForEntry(entryId)
    }
    for (const name of names) {
      const answer = await fetchJwtSvid(spire, await runner.place(name), 'anybody')
      expect(answer).toMatchObject({ id: idOf(name) })
    }
    expect(await fetchJwtSvid(spire, await runner.place('stranger'), 'anybody')).toMatchObject({
      details: 'no identity issued',
    })
  })

  it('chooses paths where other users cannot read what the services need, and says so', async () => {
    const { separation, explanation } = await WorkloadRunner.choose({ folder, reads: [spire.serverSocket] })
    expect(separation).toBe('path')
    expect(explanation).toMatch(process.getuid?.() === 0 ? /unix:path.*EACCES/ : /unix:path.*only root/)
  })
})

describeReal('RealSpire stopped and started', ['spire'], () => {
  it('keeps entries and trust on disk, and hands out SVIDs again', async () => {
    await using spire = await RealSpire.start({ keyManager: 'disk' })
    const id = 'spiffe://neural-hive.local/ns/a/sa/b'
    const { entryId } = await spire.createEntry({ id, selectors: ownPlace.selectors })
    await spire.waitForEntry(entryId)
    const bundleBefore = JSON.parse(await spire.bundle())
    for (const part of parts) {
      await spire.stop(part, 'crash')
      expect(spire.process(part)).toBeUndefined()
      await spire.startAgain(part)
    }
    expect(JSON.parse(await spire.bundle()).keys).toEqual(bundleBefore.keys)
    expect((await spire.entries()).map((entry) => entry.id)).toContain(id)
    await spire.waitForEntry(entryId)
    await expect.poll(() => fetchJwtSvid(spire, ownPlace, 'anybody'), { timeout: 10_000 }).toMatchObject({ id })
  })

  it('lets an agent whose keys were in memory attest anew', async () => {
    await using spire = await RealSpire.start()
    const id = 'spiffe://neural-hive.local/ns/a/sa/b'
    await spire.createEntry({ id, selectors: ownPlace.selectors })
    await spire.stop('agent', 'crash')
    await spire.startAgain('agent')
    await expect.poll(() => fetchJwtSvid(spire, ownPlace, 'anybody'), { timeout: 10_000 }).toMatchObject({ id })
    await spire.stop('server', 'crash')
    await expect(spire.startAgain('server')).rejects.toMatchObject({ code: 'ERR_DEV_SERVER_START' })
  })

  it('publishes a new JWT key beside the former one', async () => {
    await using spire = await RealSpire.start()
    const keyIds = async (): Promise<string[]> =>
      JSON.parse(await spire.bundle())
        .keys.filter((key: { use: string }) => key.use === 'jwt-svid')
        .map((key: { kid: string }) => key.kid)
    const before = await keyIds()
    await spire.rotateJwtKey()
    const after = await keyIds()
    expect(after).toEqual(expect.arrayContaining(before))
    expect(after).toHaveLength(2)
    await spire.rotateX509Authority()
  })

  it('refuses a second entry like the first, and an entry that is gone cannot be deleted', async () => {
    await using spire = await RealSpire.start()
    const request = { id: 'spiffe://neural-hive.local/a', selectors: ['unix:uid:1'] }
    const { entryId } = await spire.createEntry(request)
    await expect(spire.createEntry(request)).rejects.toMatchObject({ code: 'ERR_DEV_SERVER_COMMAND' })
    const changed = await spire.updateEntry(entryId, { ...request, selectors: ['unix:uid:2'] })
    expect(changed.selectors).toEqual(['unix:uid:2'])
    await spire.deleteEntry(entryId)
    await expect(spire.deleteEntry(entryId)).rejects.toMatchObject({ code: 'ERR_DEV_SERVER_COMMAND' })
  })
})

describeReal('RealVault with storage', ['vault'], () => {
  it.each(['file', 'raft'] as const)(
    '%s: sealed, unsealed by 3 of 5 shares, and still there after a crash',
    async (storage) => {
      await using vault = await RealVault.start({ storage, keyShares: 5, keyThreshold: 3 })
      expect(vault.unsealKeys).toHaveLength(5)
      await vaultCall(vault, 'POST', 'sys/mounts/kept', { type: 'kv' })
      await vaultCall(vault, 'PUT', 'kept/a', { b: 'c' })
      const health = async (): Promise<number> => (await fetch(`${vault.address}/v1/sys/health`)).status
      await vault.seal()
      expect(await health()).toBe(503)
      await vault.unseal()
      await vault.restart('crash')
      expect(await vaultCall(vault, 'GET', 'kept/a')).toMatchObject({ data: { b: 'c' } })
      await vault.stop()
      await vault.startAgain({ sealed: true })
      expect(await health()).toBe(503)
    },
  )
})

describeReal('a server that cannot start', ['vault', 'spire'], () => {
  it('leaves nothing behind, and its log says why', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-broken-test-'))
    const broken = RealSpire.start({ folder, trustDomain: 'Not A Trust Domain' })
    await expect(broken).rejects.toMatchObject({
      code: 'ERR_DEV_SERVER_START',
      message: expect.stringContaining('trust_domain'),
    })
    await expect(RealVault.start({ folder, program: '/bin/false' })).rejects.toMatchObject({
      code: 'ERR_DEV_SERVER_START',
    })
    await expect(RealVault.start({ folder, program: '/nowhere/vault' })).rejects.toMatchObject({
      code: 'ERR_DEV_SERVER_MISSING',
    })
    expect(await readdir(folder)).toEqual([])
    await rm(folder, { recursive: true })
  })
})

describeReal('a process that is killed', ['vault'], () => {
  it('takes the servers that it started with it, and their folders', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-killed-test-'))
    const script = join(import.meta.dirname, '..', 'support', 'abandon-vault.js')
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    const pid = Number(await text(child.stdout))
    expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGKILL')
    expect(pid).toBeGreaterThan(0)
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false)
    await expect.poll(() => readdir(folder), { timeout: 10_000 }).toEqual([])
    await rm(folder, { recursive: true })
  })
})
