import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createDatabase, databaseVariables, leftBehind, RealStack, sampleServices, sampleValues } from '@chaveiro/dev'
import { TrustDomain } from '@chaveiro/spiffe'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Ran, run } from '../../packages/cli/test/terminal.js'
import { describeReal } from '../support/real.js'

const sample = await readFile(new URL('../../examples/chaveiro.yaml', import.meta.url), 'utf8')

interface Result {
  readonly code: string
  readonly status: string
  readonly cause: string | null
  readonly cure: string | null
  readonly because_of: readonly string[]
}

describeReal('validate on Vault, SPIRE and PostgreSQL', ['vault', 'spire'], () => {
  let stack: RealStack
  let vault: VaultClient
  let env: Record<string, string>
  const planted: string[] = []

  beforeAll(async () => {
    const ttls = { x509SvidSeconds: 3600, jwtSvidSeconds: 300 }
    stack = await RealStack.start({ trustDomain: TrustDomain.parse('neural-hive.local'), ttls, reads: [] })
    await createDatabase(stack)
    vault = new VaultClient({ address: stack.vault.address, token: () => stack.vault.rootToken })
    const secrets = Object.entries(sampleValues(stack)).map(([name, secret]) => [name, secret.expose()] as const)
    env = {
      VAULT_ADDR: stack.vault.address,
      VAULT_TOKEN: stack.vault.rootToken.expose(),
      CHAVEIRO_JWKS_URL: stack.jwksUrl,
      ...databaseVariables(stack),
      ...stack.env,
      ...(await stack.entryVariables(sampleServices.map(({ name }) => name))),
      ...Object.fromEntries(secrets),
    }
    planted.push(
      stack.vault.rootToken.expose(),
      ...secrets.map(([, value]) => value).filter((each) => each.length > 12),
    )
    expect(await chaveiro(['apply', '--yes'])).toMatchObject({ code: 0 })
  })

  afterAll(async () => {
    await vault?.close()
    await stack?.close()
  })

  async function chaveiro(args: string[], changed: Record<string, string> = {}): Promise<Ran> {
    const ran = await run([...args, '-f', '-'], { stdin: sample, env: { ...env, ...changed } })
    for (const secret of planted) expect(ran.stdout + ran.stderr).not.toContain(secret)
    return ran
  }

  async function results(args: string[] = [], changed?: Record<string, string>) {
    const { code, stdout } = await chaveiro(['validate', '-o', 'json', ...args], changed)
    const { checks } = JSON.parse(stdout) as { checks: Result[] }
    return { code, of: (check: string) => checks.find((each) => each.code === check) as Result, checks }
  }

  it('holds on a platform made by apply, and leaves nothing behind', async () => {
    const { stdout, code } = await chaveiro(['validate', '-v'])
    expect(code).toBe(0)
    expect(stdout).not.toContain('✗')
    expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
  })

  it('is what the script of the guide runs', async () => {
    const script = fileURLToPath(new URL('../../scripts/validate-vault-spiffe-integration.sh', import.meta.url))
    const options = { env: { PATH: process.env.PATH, ...env } }
    const { stdout, stderr } = await promisify(execFile)(script, ['--only', 'vault,login', '-o', 'json'], options)
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, exit_code: 0 })
    expect(stderr).toContain('running: chaveiro validate')
    const dry = await promisify(execFile)(script, [], { env: { ...options.env, DRY_RUN: 'true' } })
    expect(dry.stdout).toContain('would run: chaveiro validate')
  })

  it('fails with --strict where a service that does not run could not be asked', async () => {
    expect((await results(['--strict'])).code).toBe(1)
    expect((await results(['--strict', '--only', 'vault,auth,database,secrets,spire,login'])).code).toBe(0)
  })

  /** Makes a fault, sees what is found, mends it. */
  async function faulty(fault: () => Promise<unknown>, look: () => Promise<void>): Promise<void> {
    await fault()
    try {
      await look()
    } finally {
      expect(await chaveiro(['apply', '--yes'])).toMatchObject({ code: 0 })
    }
  }

  const write = (path: string, body: Record<string, unknown>) =>
    vault.request({ method: 'POST', path, body, operation: 'sys' })

  const policy = 'sys/policies/acl/orchestrator-dynamic'
  const role = 'auth/jwt/role/worker-agents'
  const databaseRole = 'database/roles/temporal-orchestrator'
  it.each([
    {
      name: 'a policy that is gone',
      fault: () => vault.sys.policies.delete('orchestrator-dynamic'),
      code: 'CHV0203',
      names: `${policy} is missing`,
    },
    {
      name: 'a role bound to another identity',
      fault: () => patch(role, { bound_subject: 'spiffe://neural-hive.local/other' }),
      code: 'CHV0204',
      names: 'bound_subject',
    },
    {
      name: 'a secret without one of its keys',
      fault: () => vault.kv().write('orchestrator/kafka', { username: 'orchestrator' }),
      code: 'CHV0402',
      names: 'password',
    },
    {
      name: 'a database role that was changed',
      fault: () => patch(databaseRole, { default_ttl: 60 }),
      code: 'CHV0302',
      names: 'default_ttl',
    },
    {
      name: 'a database that Vault may not enter any more',
      fault: () => vault.request({ method: 'DELETE', path: 'database/config/temporal', operation: 'sys' }),
      code: 'CHV0301',
      names: 'database/config/temporal is missing',
    },
  ])('finds $name', async ({ fault, code, names }) => {
    await faulty(fault, async () => {
      const found = await results()
      expect(found.code).toBe(1)
      expect(found.of(code)).toMatchObject({ status: 'failed', cause: expect.stringContaining(names) })
      expect(found.of(code).cure).toContain('chaveiro apply')
    })
  })

  async function patch(path: string, changes: Record<string, unknown>): Promise<unknown> {
    const { data } = await vault.request<Record<string, unknown>>({ method: 'GET', path, operation: 'sys' })
    return write(path, { ...data, ...changes })
  }

  it('skips what depends on a check that failed, and says on which', async () => {
    const found = await results([], { VAULT_ADDR: 'http://127.0.0.1:1' })
    expect(found.code).toBe(3)
    expect(found.of('CHV0102')).toMatchObject({ status: 'skipped', because_of: ['CHV0101'] })
    expect(found.of('CHV0501')).toMatchObject({ status: 'ok' })
  })

  it('names the right that the checker lacks, and does not call the platform ill for it', async () => {
    const { token } = await vault.token.create({ policies: ['default'], ttlSeconds: 600 })
    const changed = { VAULT_TOKEN: token.expose() }
    const found = await results(['--only', 'auth'], changed)
    expect(found.code).toBe(0)
    expect(found.of('CHV0203')).toMatchObject({ status: 'unknown', cause: expect.stringContaining('"read" on') })
    expect((await results(['--only', 'auth', '--strict'], changed)).code).toBe(4)
  })

  it('tells a token that Vault does not know from one that lacks a right', async () => {
    expect((await results(['--only', 'auth'], { VAULT_TOKEN: 'hvs.unknown' })).code).toBe(4)
    const found = await results(['--only', 'auth'], { VAULT_TOKEN: '' })
    expect(found.of('CHV0106')).toMatchObject({ status: 'unknown' })
    expect(found.code).toBe(0)
  })

  it('names the key that Vault does not get (pains 1 and 4)', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const yesterday = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'of-yesterday' }] })
    let status = 200
    const stale = createServer((_request, response) => {
      response.writeHead(status).end(status === 200 ? yesterday : 'document not available')
    })
    await new Promise<void>((resolve) => stale.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(stale.address() as AddressInfo).port}/keys`
    const changed = { CHAVEIRO_JWKS_URL: url }
    try {
      const fault = () => patch('auth/jwt/config', { jwks_url: url })
      await faulty(fault, async () => {
        const found = await results([], changed)
        expect(found.of('CHV0504')).toMatchObject({ status: 'failed', cause: expect.stringContaining('lacks the key') })
        expect(found.of('CHV0602')).toMatchObject({ status: 'failed' })
        status = 500
        const broken = (await results([], changed)).of('CHV0504')
        expect(broken).toMatchObject({ status: 'failed', cause: expect.stringContaining('document not available') })
        expect(broken.cure).toContain('discovery provider')
      })
    } finally {
      stale.close()
    }
  })

  it('finds a user that outlives its lease', async () => {
    await faulty(
      () => patch(databaseRole, { revocation_statements: ['SELECT 1'] }),
      async () => {
        const found = await results(['--only', 'database'])
        expect(found.of('CHV0302')).toMatchObject({ cause: expect.stringContaining('revocation_statements') })
      },
    )
  })

  it('waits for what comes, and says for what', async () => {
    await vault.sys.policies.delete('service-registry')
    const waiting = chaveiro(['validate', '--only', 'auth', '--wait', '30s'])
    const mended = chaveiro(['apply', '--yes'])
    const { code, stderr } = await waiting
    expect(code).toBe(0)
    expect(stderr).toContain('waiting until each workload has its policy')
    expect((await mended).code).toBe(0)
  })

  const secretPath = 'secret/orchestrator/kafka'
  it('tells why a right is there, link by link, with the line of the policy (pain 17)', async () => {
    const { code, stdout } = await chaveiro(['why', 'orchestrator-dynamic', secretPath, '-o', 'json'])
    const explanation = JSON.parse(stdout) as { chain: { link: string; status: string; where: string | null }[] }
    expect(code).toBe(0)
    expect(explanation.chain.map(({ link, status }) => `${link} ${status}`)).toEqual(
      ['workload', 'entry', 'svid', 'role', 'policy', 'capability'].map((link) => `${link} holds`),
    )
    expect(explanation.chain[4]?.where).toMatch(/^policy orchestrator-dynamic:\d+$/)
    expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
  })

  it.each([
    {
      name: 'a secret of another',
      of: ['worker-agents', secretPath],
      link: 'policy',
      cure: 'Add orchestrator/kafka to kv.read of worker-agents',
    },
    {
      name: 'a database role',
      of: ['worker-agents', 'database/creds/temporal-orchestrator'],
      link: 'policy',
      cure: 'Add temporal-orchestrator to databases',
    },
    {
      name: 'writing where it may read',
      of: ['orchestrator-dynamic', secretPath, '--capability', 'update'],
      link: 'policy',
      cure: 'kv.write',
    },
    {
      name: 'what no manifest gives',
      of: ['orchestrator-dynamic', 'sys/seal', '--capability', 'update'],
      link: 'policy',
      cure: 'a policy of your own',
    },
    { name: 'a workload that nobody declared', of: ['nobody', secretPath], link: 'workload', cure: 'workloads:' },
  ])('tells why not: $name (pain 17)', async ({ of, link, cure }) => {
    const { code, stdout } = await chaveiro(['why', ...of, '-o', 'json'])
    const { chain } = JSON.parse(stdout) as { chain: { link: string; status: string; cure: string }[] }
    expect(code).toBe(1)
    expect(chain.at(-1)).toMatchObject({ link, status: 'broken', cure: expect.stringContaining(cure) })
  })

  it.each([
    {
      name: 'the policy',
      fault: () => vault.sys.policies.write('worker-agents', 'path "secret/other" { capabilities = ["read"] }'),
      link: 'policy',
      cure: 'apply --only policies',
    },
    {
      name: 'the role',
      fault: () => vault.request({ method: 'DELETE', path: role, operation: 'sys' }),
      link: 'role',
      cure: 'apply --only policies',
    },
    {
      name: 'the identity of the role',
      fault: () => patch(role, { bound_subject: 'spiffe://neural-hive.local/x' }),
      link: 'role',
      cure: 'apply --only policies',
    },
  ])('names the first link that is missing: $name', async ({ fault, link, cure }) => {
    try {
      await fault()
      const { code, stdout } = await chaveiro(['why', 'worker-agents', 'secret/worker/queue', '-o', 'json'])
      const { chain } = JSON.parse(stdout) as { chain: { link: string; status: string; cure: string }[] }
      expect(code).toBe(1)
      expect(chain.at(-1)).toMatchObject({ link, status: 'broken', cure: expect.stringContaining(cure) })
    } finally {
      expect((await chaveiro(['apply', '--yes', '--adopt'])).code).toBe(0)
    }
  })

  it('goes on where SPIRE cannot be seen, and says so', async () => {
    const of = ['why', 'worker-agents', 'secret/worker/queue']
    const { code, stdout } = await chaveiro(of, { SPIRE_SERVER_SOCKET: '/nowhere/api.sock' })
    expect(code).toBe(0)
    expect(stdout).toContain('as far as could be seen')
    expect(await chaveiro(of)).toMatchObject({ code: 0, stdout: expect.stringContaining('Vault itself says: read') })
  })
})
