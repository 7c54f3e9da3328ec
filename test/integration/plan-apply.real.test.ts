import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createDatabase,
  databaseVariables,
  RealStack,
  RealVault,
  type SampleService,
  sampleServices,
  sampleValues,
} from '@chaveiro/dev'
import { type Plan, type SpireEntry, SpireServerClient } from '@chaveiro/operations'
import { Secret } from '@chaveiro/rotation'
import { TrustDomain } from '@chaveiro/spiffe'
import { PermissionDeniedError, VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Ran, run } from '../../packages/cli/test/terminal.js'
import { describeReal } from '../support/real.js'

const root = join(import.meta.dirname, '..', '..')
const sample = await readFile(join(root, 'examples', 'chaveiro.yaml'), 'utf8')
const owner = 'neural-hive.local'
const swap = (text: string, from: string, to: string): string => {
  expect(text).toContain(from)
  return text.replace(from, to)
}

describeReal('plan and apply on Vault, SPIRE and PostgreSQL', ['vault', 'spire'], () => {
  let stack: RealStack
  let vault: VaultClient
  let spire: SpireServerClient
  let env: Record<string, string>
  const planted: string[] = []

  beforeAll(async () => {
    const ttls = { x509SvidSeconds: 3600, jwtSvidSeconds: 300 }
    stack = await RealStack.start({ trustDomain: TrustDomain.parse(owner), ttls, reads: [] })
    await createDatabase(stack)
    vault = new VaultClient({ address: stack.vault.address, token: () => stack.vault.rootToken })
    const secrets = Object.entries(sampleValues(stack)).map(([name, secret]) => [name, secret.expose()] as const)
    env = {
      VAULT_ADDR: stack.vault.address,
      VAULT_TOKEN: stack.vault.rootToken.expose(),
      CHAVEIRO_JWKS_URL: stack.jwksUrl,
      ...databaseVariables(stack),
      ...stack.env,
      ...(await stack.entryVariables(sampleServices.map(({ name }: SampleService) => name))),
      ...Object.fromEntries(secrets),
    }
    spire = new SpireServerClient({ socket: env.SPIRE_SERVER_SOCKET ?? '' })
    planted.push(
      stack.vault.rootToken.expose(),
      ...secrets.map(([, value]) => value).filter((value) => value.length > 12),
    )
  })

  afterAll(async () => {
    await spire?.close()
    await vault?.close()
    await stack?.close()
  })

  /** Runs the command on a manifest from stdin; what it prints is searched for every secret that went in. */
  async function chaveiro(
    args: string[],
    manifest = sample,
    changed: Record<string, string | undefined> = {},
  ): Promise<Ran> {
    const ran = await run([...args, '-f', '-'], { stdin: manifest, env: { ...env, ...changed } })
    for (const secret of planted) expect(ran.stdout + ran.stderr).not.toContain(secret)
    return ran
  }

  async function plan(args: string[] = [], manifest = sample): Promise<{ code: number; plan: Plan }> {
    const { code, stdout, stderr } = await chaveiro(['plan', '-o', 'json', ...args], manifest)
    expect(stderr).toBe('')
    return { code, plan: JSON.parse(stdout) }
  }

  const write = (path: string, body: Record<string, unknown>) =>
    vault.request({ method: 'POST', path, body, operation: 'test' })
  const remove = (path: string) => vault.request({ method: 'DELETE', path, operation: 'test' })
  const read = async (path: string) =>
    (await vault.request<Record<string, unknown>>({ method: 'GET', path, operation: 'test' })).data
  const policyOf = async (name: string) => String((await read(`sys/policies/acl/${name}`)).policy)

  it('makes everything from nothing', async () => {
    expect(await plan()).toMatchObject({ code: 1, plan: { schemaVersion: 1, compared: 20 } })
    const { code, stdout } = await chaveiro(['apply', '--yes'])
    expect(stdout).toContain('failed 0, not started 0')
    expect(code).toBe(0)
    expect(Object.keys((await read('secret/data/orchestrator/redis')).data as object)).toEqual(['password'])
    expect((await read('database/creds/temporal-orchestrator')).username).toMatch(/^v-/)
  })

  it('changes nothing the second time, and says so (pain 21)', async () => {
    const again = await chaveiro(['apply', '--yes'])
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(again.stdout).toMatch(/^No changes\. 20 objects/)
    expect(await plan()).toMatchObject({ code: 0, plan: { changes: [], unchanged: 20 } })
  })

  describe('drift made by hand', () => {
    const role = 'auth/jwt/role/worker-agents'
    const config = 'auth/jwt/config'
    const databaseRole = 'database/roles/temporal-orchestrator'
    const connection = 'database/config/temporal'
    const entryId = `chaveiro.${owner}.worker-agents`
    const changeRole = async (change: Record<string, unknown>) => write(role, { ...(await read(role)), ...change })
    const changeConfig = async (change: Record<string, unknown>) =>
      write(config, { ...(await read(config)), ...change })
    const changeDatabaseRole = async (change: Record<string, unknown>) =>
      write(databaseRole, { ...(await read(databaseRole)), ...change })
    const changeEntry = async (change: Partial<SpireEntry>) =>
      spire.updateEntry({ ...((await spire.getEntry(entryId)) as SpireEntry), ...change })
    const widen = async (name: string) =>
      write(`sys/policies/acl/${name}`, {
        policy: `${await policyOf(name)}path "secret/*" { capabilities = ["read"] }\n`,
      })

    it.each([
      {
        name: 'a policy that grants more',
        path: 'sys/policies/acl/worker-agents',
        field: 'secret/*',
        make: () => widen('worker-agents'),
      },
      {
        name: 'a policy that grants less',
        path: 'sys/policies/acl/worker-agents',
        field: 'secret/data/worker/*',
        make: async () =>
          write('sys/policies/acl/worker-agents', {
            policy: (await policyOf('worker-agents')).replace('secret/data/worker/*', 'secret/data/worker/one'),
          }),
      },
      {
        name: 'a policy that is gone',
        path: 'sys/policies/acl/worker-agents',
        make: () => remove('sys/policies/acl/worker-agents'),
      },
      {
        name: 'a role with a longer life',
        path: role,
        field: 'token_ttl',
        make: () => changeRole({ token_ttl: 7200 }),
      },
      {
        name: 'a role with another maximum',
        path: role,
        field: 'token_max_ttl',
        make: () => changeRole({ token_max_ttl: '48h' }),
      },
      {
        name: 'a role for one more audience',
        path: role,
        field: 'bound_audiences',
        make: () => changeRole({ bound_audiences: ['vault.neural-hive.local', 'x'] }),
      },
      {
        name: 'a role for another identity',
        path: role,
        field: 'bound_subject',
        make: () => changeRole({ bound_subject: 'spiffe://neural-hive.local/other' }),
      },
      {
        name: 'a role with another claim bound',
        path: role,
        field: 'bound_claims',
        make: () => changeRole({ bound_claims: { env: 'x' } }),
      },
      {
        name: 'a role with one more policy',
        path: role,
        field: 'token_policies',
        make: () => changeRole({ token_policies: ['worker-agents', 'orchestrator-dynamic'] }),
      },
      {
        name: 'a role whose tokens never end',
        path: role,
        field: 'token_period',
        make: () => changeRole({ token_period: 3600 }),
      },
      {
        name: 'a role that names users by another claim',
        path: role,
        field: 'user_claim',
        make: () => changeRole({ user_claim: 'aud' }),
      },
      { name: 'a role that is gone', path: role, make: () => remove(role) },
      {
        name: 'an issuer bound by hand',
        path: config,
        field: 'bound_issuer',
        make: () => changeConfig({ bound_issuer: 'https://x' }),
      },
      {
        name: 'other algorithms',
        path: config,
        field: 'jwt_supported_algs',
        make: () => changeConfig({ jwt_supported_algs: ['RS256'] }),
      },
      {
        name: 'other keys',
        path: config,
        field: 'jwks_url',
        make: () => changeConfig({ jwks_url: `${stack.jwksUrl}?other` }),
      },
      {
        name: 'other statements',
        path: databaseRole,
        field: 'creation_statements',
        make: () => changeDatabaseRole({ creation_statements: ['SELECT 1'] }),
      },
      {
        name: 'no revocation',
        path: databaseRole,
        field: 'revocation_statements',
        make: () => changeDatabaseRole({ revocation_statements: [] }),
      },
      {
        name: 'a longer life of credentials',
        path: databaseRole,
        field: 'default_ttl',
        make: () => changeDatabaseRole({ default_ttl: 7200 }),
      },
      { name: 'a database role that is gone', path: databaseRole, make: () => remove(databaseRole) },
      {
        name: 'a connection open to all roles',
        path: connection,
        field: 'allowed_roles',
        make: () => write(connection, { allowed_roles: '*' }),
      },
      { name: 'a connection that is gone', path: connection, make: () => remove(connection) },
      {
        name: 'a secret that is gone',
        path: 'secret/data/worker/queue',
        make: () => remove('secret/metadata/worker/queue'),
      },
      {
        name: 'a secret without one of its keys',
        path: 'secret/data/orchestrator/kafka',
        field: 'password',
        make: () => write('secret/data/orchestrator/kafka', { data: { username: 'kept', own: 'kept too' } }),
      },
      {
        name: 'an entry for other processes',
        path: entryId,
        field: 'selectors',
        make: () => changeEntry({ selectors: ['unix:uid:1'] }),
      },
      {
        name: 'an entry for another identity',
        path: entryId,
        field: 'spiffe_id',
        make: () => changeEntry({ spiffe_id: `spiffe://${owner}/x` }),
      },
      {
        name: 'an entry with a longer life',
        path: entryId,
        field: 'x509_svid_ttl',
        make: () => changeEntry({ x509_svid_ttl: 9000 }),
      },
      {
        name: 'an entry that may administer SPIRE',
        path: entryId,
        field: 'admin',
        make: () => changeEntry({ admin: true }),
      },
      {
        name: 'an entry with a DNS name',
        path: entryId,
        field: 'dns_names',
        make: () => changeEntry({ dns_names: ['x.local'] }),
      },
      { name: 'an entry that is gone', path: entryId, make: () => spire.deleteEntry(entryId) },
    ])('$name is found and repaired', async ({ path, field, make }) => {
      await make()
      const found = await plan()
      expect(found.code).toBe(1)
      expect(found.plan.changes).toEqual([expect.objectContaining({ path, action: field ? 'change' : 'create' })])
      if (field) expect(found.plan.changes[0]?.fields.map(({ name }) => name)).toContain(field)
      expect(found.plan.changes[0]?.line).toBeGreaterThan(1)
      expect(await chaveiro(['apply', '--yes'])).toMatchObject({ code: 0 })
      expect(await plan()).toMatchObject({ code: 0, plan: { changes: [] } })
    })

    it('keeps the keys of a secret that nobody declared, and the values that were there', async () => {
      expect((await read('secret/data/orchestrator/kafka')).data).toMatchObject({ username: 'kept', own: 'kept too' })
    })

    it('sees a policy with other spaces, order and comments as the same', async () => {
      const [mark, ...rest] = (await policyOf('worker-agents')).split('\n')
      const policy = [
        mark,
        '// by hand',
        ...rest.map((line) => line.replace('["list", "read"]', '[ "read","list" ]')),
      ].join('\n\n')
      await write('sys/policies/acl/worker-agents', { policy })
      expect(await plan()).toMatchObject({ code: 0 })
    })
  })

  describe('what others made', () => {
    const foreign = '# by somebody else\npath "secret/data/theirs" { capabilities = ["read"] }\n'
    const withBilling = swap(
      sample,
      'secrets:\n',
      `  - name: billing
    id: spiffe://neural-hive.local/ns/neural-hive-core/sa/billing
    selectors: [unix:uid:64999]

secrets:
`,
    )

    it('is never touched, and a policy of the same name is named as in the way (pain 20)', async () => {
      await write('sys/policies/acl/billing', { policy: foreign })
      await write('sys/policies/acl/unrelated', { policy: foreign })
      const { stdout, code } = await chaveiro(['plan'], withBilling)
      expect(code).toBe(1)
      expect(stdout).toMatch(/^! policy sys\/policies\/acl\/billing/m)
      expect(stdout).toContain('exists, not ours')
      const refused = await chaveiro(['apply', '--yes'], withBilling)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain('--adopt')
      expect(await policyOf('billing')).toBe(foreign)
      expect((await spire.listEntries()).map(({ id }) => id)).not.toContain(`chaveiro.${owner}.billing`)
    })

    it('is taken over with --adopt, and only what is asked for', async () => {
      await write('auth/jwt/role/billing', {
        role_type: 'jwt',
        user_claim: 'sub',
        bound_subject: 'x',
        token_policies: ['default'],
      })
      const identity = {
        spiffe_id: `spiffe://${owner}/ns/neural-hive-core/sa/billing`,
        parent_id: `spiffe://${owner}/agent`,
      }
      const rest = {
        jwt_svid_ttl: 0,
        dns_names: [],
        federates_with: [],
        hint: '',
        admin: false,
        downstream: false,
        store_svid: false,
      }
      await spire.createEntry({ id: 'by-hand', ...identity, selectors: ['unix:uid:64999'], x509_svid_ttl: 99, ...rest })
      const found = await plan(['--adopt'], withBilling)
      expect(found.plan.changes.map(({ kind, action }) => `${action} ${kind}`).sort()).toEqual([
        'change entry',
        'change jwt role',
        'change policy',
      ])
      expect(await chaveiro(['apply', '--yes', '--adopt'], withBilling)).toMatchObject({ code: 0 })
      expect(await plan([], withBilling)).toMatchObject({ code: 0 })
      expect(await policyOf('unrelated')).toBe(foreign)
      expect((await spire.listEntries()).map(({ id }) => id)).not.toContain('by-hand')
    })

    it('stays when ours are pruned; roles go too, built-in policies do not (pain 22)', async () => {
      expect((await plan()).plan.notes).toEqual([expect.stringMatching(/3 made by us .*billing.*--prune/)])
      const pruned = await plan(['--prune'])
      expect(pruned.plan.changes.map(({ symbol, kind }) => `${symbol} ${kind}`).sort()).toEqual([
        '- entry',
        '- jwt role',
        '- policy',
      ])
      expect(await chaveiro(['apply', '--prune', '--yes'])).toMatchObject({ code: 0 })
      expect(await plan(['--prune'])).toMatchObject({ code: 0, plan: { notes: [] } })
      const policies = await vault.sys.policies.list()
      expect(policies).toEqual(expect.arrayContaining(['default', 'root', 'unrelated', 'worker-agents']))
      expect(policies).not.toContain('billing')
    })

    it('is not pruned by a manifest of another name', async () => {
      const other = swap(sample, 'version: 1\n', 'version: 1\nname: other\n')
      const found = await plan(['--prune'], other)
      expect(found.plan.changes.filter(({ action }) => action === 'delete')).toEqual([])
    })
  })

  describe("where SPIRE's controller manager runs", () => {
    /** As the controller manager makes them: one for each pod, by its UID, under an ID of SPIRE's own making. */
    const podEntry = {
      spiffe_id: `spiffe://${owner}/ns/a/sa/b`,
      parent_id: `spiffe://${owner}/spire/agent/k8s_psat/c/n`,
      selectors: ['k8s:pod-uid:0c7e8f3a-5b1f-4c7e-8a52-1f7b7a0f4c11'],
      ...{ x509_svid_ttl: 0, jwt_svid_ttl: 0, dns_names: [], federates_with: [], hint: '' },
      ...{ admin: false, downstream: false, store_svid: false },
    }

    it('no entry is written; its manifests are printed instead', async () => {
      await spire.deleteEntry(`chaveiro.${owner}.worker-agents`)
      await spire.createEntry({ id: '', ...podEntry })
      const { code, stdout } = await chaveiro(['apply', '--yes', '--only', 'entries'])
      expect(stdout).toContain('controller manager runs here')
      expect(stdout).toContain('kind: ClusterSPIFFEID')
      expect(code).toBe(0)
      const entries = await spire.listEntries()
      expect(entries.map(({ id }) => id)).not.toContain(`chaveiro.${owner}.worker-agents`)
      for (const { id, selectors } of entries) {
        if (selectors[0]?.startsWith('k8s:pod-uid:')) await spire.deleteEntry(id)
      }
    })

    it('and keeps to a prefix of its own, entries are written', async () => {
      await spire.createEntry({ id: 'cluster-a.0c7e8f3a', ...podEntry })
      expect(await chaveiro(['apply', '--yes', '--only', 'entries'])).toMatchObject({ code: 0 })
      expect(await spire.getEntry(`chaveiro.${owner}.worker-agents`)).toBeDefined()
      await spire.deleteEntry('cluster-a.0c7e8f3a')
    })
  })

  it('gives a token what the manifest says and nothing else, where paths lie within each other too', async () => {
    const nested = swap(sample, 'kv: { read: [worker/*] }', 'kv: { read: [worker/*], write: [worker/state] }')
    expect(await chaveiro(['apply', '--yes'], nested)).toMatchObject({ code: 0 })
    const worker = await holderOf('worker-agents')
    const orchestrator = await holderOf('orchestrator-dynamic')
    await worker.kv('secret').write('worker/state', { a: 1 })
    expect((await worker.kv('secret').read('worker/state')).data).toEqual({ a: 1 })
    await expect(worker.kv('secret').write('worker/queue', { a: 1 })).rejects.toThrow(PermissionDeniedError)
    await expect(worker.kv('secret').read('orchestrator/redis')).rejects.toThrow(PermissionDeniedError)
    await expect(worker.database().credentials('temporal-orchestrator')).rejects.toThrow(PermissionDeniedError)
    const { leaseId } = await orchestrator.database().credentials('temporal-orchestrator')
    expect((await orchestrator.leases.renew(leaseId)).ttlSeconds).toBeGreaterThan(0)
    await expect(worker.leases.renew(leaseId)).rejects.toThrow(PermissionDeniedError)
    await expect(worker.leases.revoke(leaseId)).rejects.toThrow(PermissionDeniedError)
    await orchestrator.leases.revoke(leaseId)
    await remove('secret/metadata/worker/state')
    expect(await chaveiro(['apply', '--yes'])).toMatchObject({ code: 0 })
  })

  it('static keys in place of a URL: with a warning that they go stale, and without a plan that never ends', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-keys-'))
    try {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      await writeFile(join(folder, 'key.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
      const withKeys = swap(
        sample,
        '  token: {',
        `  jwtKeys: [${folder}/key.pem]\n  issuer: https://spire.local\n  token: {`,
      )
      const { stdout, code } = await chaveiro(['apply', '--yes'], withKeys)
      expect(stdout).toContain('go stale')
      expect(code).toBe(0)
      expect(await plan([], withKeys)).toMatchObject({ code: 0, plan: { changes: [] } })
      const back = await plan()
      expect(back.plan.changes).toEqual([
        expect.objectContaining({ kind: 'jwt config', danger: expect.stringContaining('logins fail') }),
      ])
      expect(await chaveiro(['apply', '--yes'])).toMatchObject({ code: 0 })
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  /** With a token as a role gives it: of its policy alone. */
  async function holderOf(policy: string): Promise<VaultClient> {
    const { auth } = await write('auth/token/create', { policies: [policy], no_default_policy: true })
    const token = new Secret(auth?.client_token ?? '')
    return vault.withToken(() => token)
  }

  describe('secrets', () => {
    const version = async (path: string) => (await vault.kv('secret').metadata(path)).currentVersion

    it('are not overwritten, and written anew only where --replace says so', async () => {
      const before = await version('orchestrator/mongodb')
      const kafka = await version('orchestrator/kafka')
      const { stdout } = await chaveiro(['apply', '--yes', '--only', 'secrets', '--replace', 'orchestrator/mongodb'])
      expect(stdout).toContain('uri: (present) -> from $ORCHESTRATOR_MONGODB_URI')
      expect(await version('orchestrator/mongodb')).toBe(before + 1)
      expect(await version('orchestrator/kafka')).toBe(kafka)
    })

    it('that were deleted on purpose are left alone until --replace', async () => {
      await vault.kv('secret').delete('registry/signing')
      const { code, stderr } = await chaveiro(['apply', '--yes', '--only', 'secrets'])
      expect(code).toBe(1)
      expect(stderr).toContain('deleted on purpose')
      const replaced = await chaveiro(['apply', '--yes', '--only', 'secrets', '--replace', 'registry/signing'])
      expect(replaced).toMatchObject({ code: 0 })
      expect((await read('secret/data/registry/signing')).data).toEqual({
        key: expect.stringMatching(/^[0-9a-f]{64}$/),
      })
    })
  })

  describe('bad input changes nothing', () => {
    beforeEach(async () => {
      await remove('secret/metadata/orchestrator/kafka')
    })

    it('a variable that is missing is named with its line, exit 2', async () => {
      const { code, stderr } = await chaveiro(['apply', '--yes'], sample, { ORCHESTRATOR_KAFKA_PASSWORD: undefined })
      expect(code).toBe(2)
      expect(stderr).toMatch(/-:\d+ secret\/data\/orchestrator\/kafka password: ORCHESTRATOR_KAFKA_PASSWORD is not set/)
      expect((await plan()).plan.changes).toHaveLength(1)
    })

    it('a token without rights: the missing capability is named, exit 4', async () => {
      await write('sys/policies/acl/half', {
        policy: ['sys/mounts', 'sys/auth', 'sys/policies/acl/*', 'auth/jwt/*', 'database/*', 'secret/*']
          .map((path) => `path "${path}" { capabilities = ["read", "list"] }`)
          .join('\n'),
      })
      const { auth } = await write('auth/token/create', { policies: ['half'] })
      const token = auth?.client_token ?? ''
      const denied = await chaveiro(['apply', '--yes'], sample, { VAULT_TOKEN: token })
      expect(denied.code).toBe(4)
      expect(denied.stderr).toContain('"create" on secret/data/orchestrator/kafka')
      const { auth: none } = await write('auth/token/create', { policies: ['default'] })
      const blind = await chaveiro(['plan'], sample, { VAULT_TOKEN: none?.client_token })
      expect(blind.code).toBe(4)
      expect(blind.stderr).toContain('lacks the capability "read" on')
      expect(blind.stderr + denied.stderr).not.toContain(token)
    })

    it('a server that cannot be reached, exit 3', async () => {
      expect(await chaveiro(['apply', '--yes'], sample, { VAULT_ADDR: 'http://127.0.0.1:1' })).toMatchObject({
        code: 3,
      })
      expect(await chaveiro(['apply', '--yes'], sample, { SPIRE_SERVER_SOCKET: '/nowhere.sock' })).toMatchObject({
        code: 3,
      })
      expect((await plan()).plan.changes).toHaveLength(1)
    })

    it('nobody to ask, exit 2', async () => {
      const { code, stderr } = await chaveiro(['apply'])
      expect(code).toBe(2)
      expect(stderr).toContain('--yes')
    })
  })

  describe('a run that does not reach its end', () => {
    const many = swap(
      sample,
      'secrets:\n',
      `${Array.from(
        { length: 40 },
        (_, index) => `  - name: batch-${index}
    id: spiffe://neural-hive.local/ns/batch/sa/batch-${index}
    selectors: [unix:uid:${50_000 + index}]
    kv: { read: [batch/${index}/*] }
`,
      ).join('')}
secrets:
`,
    )

    it('a failure keeps back only what needs it, and the rest is done by the next run', async () => {
      expect(await chaveiro(['apply', '--yes'])).toMatchObject({ code: 0 })
      for (const path of ['database/roles/temporal-orchestrator', 'database/config/temporal']) await remove(path)
      await remove('sys/policies/acl/worker-agents')
      const failed = await chaveiro(['apply', '--yes'], sample, { PGPORT: '1' })
      expect(failed.code).toBeGreaterThan(0)
      expect(failed.stdout).toContain('failed database connection database/config/temporal')
      expect(failed.stdout).toContain('(it needs database/config/temporal)')
      expect(failed.stdout).toContain('done 1, failed 1, not started 1')
      expect(await chaveiro(['apply', '--yes'])).toMatchObject({ code: 0 })
      expect(await plan()).toMatchObject({ code: 0 })
    })

    it('killed at any step, it is completed by the next one (pain 25)', { timeout: 120_000 }, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'chaveiro-apply-'))
      try {
        const manifest = join(folder, 'many.yaml')
        await writeFile(manifest, many)
        for (const [signal, afterLines] of [
          ['SIGKILL', 3],
          ['SIGKILL', 40],
          ['SIGINT', 10],
        ] as const) {
          const { stderr, stdout, code } = await interrupted(manifest, signal, afterLines)
          if (signal === 'SIGKILL') continue
          expect(code).toBe(1)
          expect(stdout).toMatch(/stopped: done \d+, failed 0, not started \d+/)
          expect(stdout).toContain('to do the rest: chaveiro apply')
          const done = stderr.split('\n').filter((line) => line.includes('] done ')).length
          expect(stdout).toContain(`done ${done}, `)
        }
        const left = await plan([], many)
        expect(left.plan.changes.length).toBeGreaterThan(0)
        expect(left.plan.changes.filter(({ action }) => action !== 'create')).toEqual([])
        expect(await chaveiro(['apply', '--yes'], many)).toMatchObject({ code: 0 })
        expect(await plan([], many)).toMatchObject({ code: 0 })
      } finally {
        await rm(folder, { recursive: true })
      }
    })

    /** Runs the command as a process and sends it a signal once it has printed some lines of progress. */
    async function interrupted(manifest: string, signal: NodeJS.Signals, afterLines: number) {
      const bin = join(root, 'packages', 'cli', 'bin', 'chaveiro.js')
      const child = spawn(process.execPath, [bin, 'apply', '--yes', '-f', manifest], {
        env: { ...env, PATH: process.env.PATH },
      })
      let [stdout, stderr] = ['', '']
      child.stdout.on('data', (chunk) => {
        stdout += chunk
      })
      child.stderr.on('data', (chunk) => {
        const before = stderr.split('\n').length
        stderr += chunk
        if (before <= afterLines && stderr.split('\n').length > afterLines) child.kill(signal)
      })
      const [code] = await once(child, 'close')
      return { code: code as number | null, stdout, stderr }
    }

    it('two at once make one whole', async () => {
      expect(await chaveiro(['apply', '--yes', '--prune'])).toMatchObject({ code: 0 })
      const [one, other] = await Promise.all([chaveiro(['apply', '--yes'], many), chaveiro(['apply', '--yes'], many)])
      expect([one.code, other.code]).toContain(0)
      for (const { stdout } of [one, other]) expect(stdout).not.toContain('ERR_')
      expect(await plan([], many)).toMatchObject({ code: 0 })
      expect((await plan()).plan.notes).toEqual([expect.stringContaining('120 made by us')])
      expect(await chaveiro(['apply', '--yes', '--prune'])).toMatchObject({ code: 0 })
    })
  })
})

describeReal('a sealed Vault', ['vault'], () => {
  it('is exit 3, before anything is changed', async () => {
    await using sealed = await RealVault.start({ storage: 'file' })
    await sealed.seal()
    const env = { VAULT_ADDR: sealed.address, VAULT_TOKEN: sealed.rootToken.expose(), CHAVEIRO_JWKS_URL: 'http://x' }
    const { code, stderr } = await run(['apply', '--yes', '--only', 'policies', '-f', '-'], { stdin: sample, env })
    expect(code).toBe(3)
    expect(stderr).toContain('nseal')
  })

  it('mounts KV where there is none, and uses it at once', async () => {
    await using blank = await RealVault.start({ storage: 'file' })
    const env = { VAULT_ADDR: blank.address, VAULT_TOKEN: blank.rootToken.expose(), A: 'x'.repeat(20) }
    const manifest = `${sample.slice(0, sample.indexOf('secrets:\n'))}secrets:\n  - { path: a/b, keys: { k: { env: A } } }\n`
    const { code, stdout } = await run(['apply', '--yes', '--only', 'secrets', '-f', '-'], { stdin: manifest, env })
    expect(stdout).toContain('done 2, failed 0, not started 0')
    expect(code).toBe(0)
  })
})
