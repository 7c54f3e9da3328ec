/**
 * What is asked of every Vault that the product meets: the same cases run against the embedded server and the real
 * one, so that neither the client nor the embedded server can believe something that is not so.
 * @module
 */

import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { DevAuthority, type PostgresServer } from '@chaveiro/dev'
import { Rotator, Secret, sleep, systemClock } from '@chaveiro/rotation'
import { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { jwtLogin, VaultClient, type VaultError, VaultSession } from '@chaveiro/vault'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** A server in dev mode: unsealed, KV v2 at `secret/`. */
export interface VaultSubject {
  readonly address: string
  readonly rootToken: Secret
  readonly postgres: PostgresServer
}

const trustDomain = TrustDomain.parse('neural-hive.local')
const orchestrator = SpiffeId.of(trustDomain, '/ns/neural-hive-orchestration/sa/orchestrator-dynamic')
const worker = SpiffeId.of(trustDomain, '/ns/neural-hive-execution/sa/worker-agents')
const audience = 'vault.neural-hive.local'
const creation = `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`

const rules = `
path "secret/data/orchestrator/*" { capabilities = ["read"] }
path "secret/metadata/orchestrator/" { capabilities = ["list"] }
path "database/creds/app" { capabilities = ["read"] }
path "sys/leases/revoke/database/creds/app/*" { capabilities = ["update"] }
`

/** The code that a call fails with; `undefined` when it does not. */
const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: VaultError) => error.code,
  )

/** The message that a call fails with. */
const messageOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => '',
    (error: VaultError) => error.message,
  )

/** @param start - gives the subject; what it opens it closes itself */
export function vaultContract(start: () => Promise<VaultSubject>): void {
  let subject: VaultSubject
  let authority: DevAuthority
  let root: VaultClient

  beforeAll(async () => {
    subject = await start()
    authority = await DevAuthority.create({ trustDomain, jwtTtlSeconds: 300 })
    root = new VaultClient({ address: subject.address, token: () => subject.rootToken })
    await configure(root, authority, subject.postgres)
  })

  afterAll(async () => {
    await root?.close()
  })

  const login = async (role: string, jwt: string | Promise<string>) =>
    jwtLogin({ role, jwt: async () => new Secret(await jwt) }).login(root, {})
  const clientFor = async (role = 'app'): Promise<VaultClient> => {
    const { token } = await login(role, authority.issueJwt(orchestrator, [audience]))
    return root.withToken(() => token)
  }

  describe('login with a JWT-SVID', () => {
    it('grants a token with the life and the rights of the role', async () => {
      const auth = await login('app', authority.issueJwt(orchestrator, [audience, 'other']))
      expect(auth).toMatchObject({
        ttlSeconds: 30,
        renewable: true,
        type: 'service',
        orphan: true,
        numUses: 0,
        metadata: { role: 'app' },
        policies: ['app', 'default'],
      })
      expect(auth.accessor).toMatch(/^\w{24}$/)
      const info = await root.withToken(() => auth.token).token.lookupSelf()
      expect(info).toMatchObject({ displayName: `jwt-${orchestrator}`, path: 'auth/jwt/login', creationTtlSeconds: 30 })
      expect(info.entityId).toBe(auth.entityId)
      expect(info.ttlSeconds).toBeGreaterThan(27)
    })

    it.each([
      {
        name: 'another audience',
        aud: ['another'],
        id: orchestrator,
        ttl: 300,
        role: 'app',
        says: 'invalid audience (aud) claim',
      },
      {
        name: 'another subject',
        aud: [audience],
        id: worker,
        ttl: 300,
        role: 'app',
        says: 'invalid subject (sub) claim',
      },
      {
        name: 'a role that there is not',
        aud: [audience],
        id: orchestrator,
        ttl: 300,
        role: 'nobody',
        says: 'role "nobody" could not be found',
      },
    ])('is refused for $name', async ({ aud, id, ttl, role, says }) => {
      const attempt = login(role, authority.issueJwt(id, aud, { ttlSeconds: ttl }))
      expect(await messageOf(attempt)).toContain(says)
      expect(await codeOf(login(role, authority.issueJwt(id, aud)))).toBe('ERR_VAULT_LOGIN_FAILED')
    })

    it('is refused for a key of another authority', async () => {
      const stranger = await DevAuthority.create({ trustDomain })
      const attempt = login('app', stranger.issueJwt(orchestrator, [audience]))
      expect(await messageOf(attempt)).toContain('error verifying token signature: no known key')
    })

    it.each([
      { name: 'that ended longer ago than the leeway of 60 s', agoMs: 400_000, says: 'token is expired' },
      { name: 'that ended within the leeway', agoMs: 340_000, says: '' },
      { name: 'of the future', agoMs: -200_000, says: 'token not yet valid' },
    ])('judges a JWT $name', async ({ agoMs, says }) => {
      const clock = { ...systemClock, wallMs: () => systemClock.wallMs() - agoMs }
      const past = await DevAuthority.create({ trustDomain, jwtTtlSeconds: 300, clock })
      await configureKeys(root, 'past', past)
      await writeJwtRole(root, 'past', 'app', orchestrator)
      const attempt = jwtLogin({
        mount: 'past',
        role: 'app',
        jwt: async () => new Secret(await past.issueJwt(orchestrator, [audience])),
      })
      const message = await messageOf(attempt.login(root, {}))
      if (says) expect(message).toContain(says)
      else expect(message).toBe('')
      await root.sys.auth.disable('past')
    })

    it.each(['', 'abc', 'a.b.c'])('is refused for %j, which is no JWT', async (jwt) => {
      expect(await codeOf(login('app', jwt))).toBe('ERR_VAULT_LOGIN_FAILED')
    })

    it('is refused where nothing is mounted', async () => {
      const nowhere = jwtLogin({ mount: 'nowhere', role: 'app', jwt: async () => new Secret('x') })
      expect(await codeOf(nowhere.login(root, {}))).toBe('ERR_VAULT_LOGIN_FAILED')
    })
  })

  describe('the life of a token', () => {
    it('is prolonged by a renewal, and cut at its max TTL with a warning', async () => {
      const client = await clientFor()
      expect(await client.token.renewSelf({ incrementSeconds: 20 })).toMatchObject({ ttlSeconds: 20, renewable: true })
      const cut = await client.request({
        method: 'POST',
        path: 'auth/token/renew-self',
        body: { increment: 500 },
        operation: 'x',
      })
      expect(cut.auth?.lease_duration).toBeLessThanOrEqual(120)
      expect(cut.auth?.lease_duration).toBeGreaterThan(115)
      expect(cut.warnings[0]).toMatch(/^TTL of "8m20s" exceeded the effective max_ttl of/)
    })

    it.each([
      {
        name: 'batch',
        request: { type: 'batch' as const, ttlSeconds: 60 },
        renewable: false,
        says: 'batch tokens cannot be renewed',
      },
      {
        name: 'not renewable',
        request: { renewable: false, ttlSeconds: 60 },
        renewable: false,
        says: 'lease is not renewable',
      },
    ])('$name: cannot be prolonged', async ({ request, renewable, says }) => {
      const auth = await root.token.create({ policies: ['default'], ...request })
      expect(auth).toMatchObject({ renewable, ttlSeconds: 60 })
      const renewal = root.withToken(() => auth.token).token.renewSelf()
      expect(await messageOf(renewal)).toContain(says)
    })

    it('periodic: each renewal grants the period, whatever is asked for', async () => {
      const auth = await root.token.create({ policies: ['default'], periodSeconds: 60 })
      const client = root.withToken(() => auth.token)
      expect(await client.token.renewSelf({ incrementSeconds: 10 })).toMatchObject({ ttlSeconds: 60 })
      expect(await client.token.lookupSelf()).toMatchObject({ periodSeconds: 60 })
    })

    it('with an explicit max TTL: renewals are cut', async () => {
      const auth = await root.token.create({ policies: ['default'], ttlSeconds: 20, explicitMaxTtlSeconds: 30 })
      const client = root.withToken(() => auth.token)
      expect((await client.token.renewSelf({ incrementSeconds: 900 })).ttlSeconds).toBeLessThanOrEqual(30)
    })

    it('a root token never ends, and cannot be renewed', async () => {
      expect(await root.token.lookupSelf()).toMatchObject({ ttlSeconds: 0, renewable: false, policies: ['root'] })
      expect(await codeOf(root.token.renewSelf())).toBe('ERR_VAULT_LEASE_NOT_RENEWABLE')
    })

    it('ends with revoke-self, for every later call', async () => {
      const client = await clientFor()
      await client.token.revokeSelf()
      const calls = [client.token.lookupSelf(), client.token.renewSelf(), client.kv().read('orchestrator/a')]
      expect(new Set(await Promise.all(calls.map(codeOf)))).toEqual(new Set(['ERR_VAULT_TOKEN_INVALID']))
    })

    it('ends its children with it', async () => {
      const parent = await root.token.create({ policies: ['root'], ttlSeconds: 60 })
      const child = await root.withToken(() => parent.token).token.create({ policies: ['default'], ttlSeconds: 60 })
      await root.withToken(() => parent.token).token.revokeSelf()
      await expect
        .poll(() => codeOf(root.withToken(() => child.token).token.lookupSelf()))
        .toBe('ERR_VAULT_TOKEN_INVALID')
    })

    it('is needed', async () => {
      const nobody = root.withToken(() => undefined)
      expect(await codeOf(nobody.kv().read('orchestrator/a'))).toBe('ERR_VAULT_TOKEN_INVALID')
    })
  })

  describe('policies', () => {
    it('allow what they name and nothing else', async () => {
      const client = await clientFor()
      await root.kv().write('orchestrator/kafka', { username: 'u' })
      expect((await client.kv().read('orchestrator/kafka')).data).toEqual({ username: 'u' })
      expect(await client.kv().list('orchestrator')).toContain('kafka')
      const calls = [
        client.kv().read('worker/queue'),
        client.kv().write('orchestrator/kafka', {}),
        client.kv().list(''),
        client.database().credentials('other'),
        client.sys.mounts.list(),
        client.leases.list('database'),
        client.request({ method: 'GET', path: 'nowhere/at/all', operation: 'x' }),
      ]
      expect(new Set(await Promise.all(calls.map(codeOf)))).toEqual(new Set(['ERR_VAULT_PERMISSION_DENIED']))
    })

    it('are told by capabilities-self', async () => {
      const client = await clientFor()
      const paths = [
        'secret/data/orchestrator/x',
        'database/creds/app',
        'database/creds/other',
        'auth/token/renew-self',
      ]
      expect([...(await client.sys.capabilitiesSelf(paths)).values()]).toEqual([
        ['read'],
        ['read'],
        ['deny'],
        ['update'],
      ])
      expect((await root.sys.capabilitiesSelf(['sys/seal'])).get('sys/seal')).toEqual(['root'])
    })

    it('choose the most specific rule, and deny goes before all', async () => {
      await root.sys.policies.write(
        'priorities',
        `path "secret/data/*" { capabilities = ["read"] }
         path "secret/data/+/conf" { capabilities = ["update"] }
         path "secret/data/a*" { capabilities = ["list"] }
         path "secret/data/exact" { capabilities = ["delete"] }
         path "secret/data/deny/*" { capabilities = ["deny", "read"] }`,
      )
      const { token } = await root.token.create({ policies: ['priorities'], ttlSeconds: 60 })
      const wanted = {
        'secret/data/x': ['read'],
        'secret/data/x/conf': ['update'],
        'secret/data/ab': ['list'],
        'secret/data/a/conf': ['list'],
        'secret/data/exact': ['delete'],
        'secret/data/deny/x': ['deny'],
        'secret/metadata/x': ['deny'],
      }
      const found = await root.withToken(() => token).sys.capabilitiesSelf(Object.keys(wanted))
      expect(Object.fromEntries(found)).toEqual(wanted)
    })

    it.each([
      ['path "a" { capabilities = ["fly"] }', 'invalid capability "fly"'],
      ['path "a/+*" { capabilities = ["read"] }', "'+*' is forbidden"],
      ['path "a" { capabilitees = ["read"] }', 'invalid key "capabilitees"'],
      ['path "a" { capabilities = ["read" ', 'failed to parse policy'],
    ])('refuse %s', async (text, says) => {
      expect(await messageOf(root.sys.policies.write('bad', text))).toContain(says)
    })

    it('are written, read, listed and deleted; root and default stay', async () => {
      await root.sys.policies.write('temporary', rules)
      expect(await root.sys.policies.read('temporary')).toBe(rules)
      expect(await root.sys.policies.list()).toEqual(expect.arrayContaining(['default', 'root', 'temporary']))
      await root.sys.policies.delete('temporary')
      await root.sys.policies.delete('temporary')
      expect(await codeOf(root.sys.policies.read('temporary'))).toBe('ERR_VAULT_NOT_FOUND')
      expect(await codeOf(root.sys.policies.delete('default'))).toBe('ERR_VAULT_INVALID_REQUEST')
      expect(await codeOf(root.sys.policies.write('root', rules))).toBe('ERR_VAULT_INVALID_REQUEST')
    })
  })

  describe('KV version 2', () => {
    it('tells a secret that never was from one that was deleted or destroyed', async () => {
      const kv = root.kv()
      await kv.write('kv/life', { a: '1' })
      await kv.write('kv/life', { a: '2' })
      expect(await codeOf(kv.read('kv/never'))).toBe('ERR_VAULT_NOT_FOUND')
      expect(await codeOf(kv.read('kv/life', { version: 9 }))).toBe('ERR_VAULT_NOT_FOUND')
      await kv.delete('kv/life')
      await expect(kv.read('kv/life')).rejects.toMatchObject({
        code: 'ERR_VAULT_SECRET_DELETED',
        version: 2,
        destroyed: false,
      })
      expect(await kv.read('kv/life', { version: 1 })).toMatchObject({ data: { a: '1' }, version: 1 })
      await kv.undelete('kv/life', [2])
      expect(await kv.read('kv/life')).toMatchObject({ data: { a: '2' }, version: 2 })
      await kv.destroy('kv/life', [2])
      await expect(kv.read('kv/life')).rejects.toMatchObject({ code: 'ERR_VAULT_SECRET_DELETED', destroyed: true })
    })

    it('checks and sets', async () => {
      const kv = root.kv()
      expect(await kv.write('kv/cas', { a: 1 }, { cas: 0 })).toMatchObject({ version: 1 })
      expect(await codeOf(kv.write('kv/cas', { a: 2 }, { cas: 0 }))).toBe('ERR_VAULT_CAS_MISMATCH')
      expect(await kv.write('kv/cas', { a: 2 }, { cas: 1 })).toMatchObject({ version: 2 })
      await root.request({
        method: 'POST',
        path: 'secret/metadata/kv/cas',
        body: { cas_required: true },
        operation: 'x',
      })
      expect(await codeOf(kv.write('kv/cas', { a: 3 }))).toBe('ERR_VAULT_CAS_MISMATCH')
    })

    it('keeps any JSON, metadata, and ten versions', async () => {
      const kv = root.kv()
      const data = { text: 'ü "q"', number: 1.5, flag: true, nothing: null, deep: { list: [1, 'a'] } }
      await kv.write('kv/many ?#%', data)
      expect((await kv.read('kv/many ?#%')).data).toEqual(data)
      for (let turn = 0; turn < 11; turn += 1) await kv.write('kv/many ?#%', { turn })
      const metadata = await kv.metadata('kv/many ?#%')
      expect(metadata).toMatchObject({ currentVersion: 12, oldestVersion: 3, casRequired: false })
      expect(metadata.versions.map(({ version }) => version)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
      expect(await codeOf(kv.read('kv/many ?#%', { version: 2 }))).toBe('ERR_VAULT_NOT_FOUND')
    })

    it('lists names and folders, and nothing where there is nothing', async () => {
      const kv = root.kv()
      await kv.write('kv/list/a', {})
      await kv.write('kv/list/b/c', {})
      expect(await kv.list('kv/list')).toEqual(['a', 'b/'])
      expect(await kv.list('kv/list/')).toEqual(['a', 'b/'])
      expect(await kv.list('kv/list/a')).toEqual([])
      expect(await kv.list('kv/nowhere')).toEqual([])
    })

    it('forgets a secret whose metadata are deleted', async () => {
      const kv = root.kv()
      await kv.write('kv/gone', { a: 1 })
      await kv.deleteMetadata('kv/gone')
      expect(await codeOf(kv.metadata('kv/gone'))).toBe('ERR_VAULT_NOT_FOUND')
      expect(await kv.write('kv/gone', { a: 1 }, { cas: 0 })).toMatchObject({ version: 1 })
    })
  })

  describe('documents', () => {
    it('a database connection is changed field by field, and shown without its password', async () => {
      const path = 'database/config/partial'
      const write = (body: Record<string, unknown>) => root.request({ method: 'POST', path, body, operation: 'x' })
      const { password, ...config } = connectionConfig(subject.postgres)
      await write({ ...config, password: password.expose() })
      await write({ allowed_roles: ['app'] })
      const { data } = await root.request<Record<string, unknown>>({ method: 'GET', path, operation: 'x' })
      const { connection_url, username, password_authentication, plugin_name } = config
      expect(data).toMatchObject({ plugin_name, allowed_roles: ['app'], verify_connection: true })
      expect(data.connection_details).toEqual({ connection_url, username, password_authentication })
      expect(JSON.stringify(data)).not.toContain(password.expose())
    })

    it('a login role is changed field by field but for its type, and shows what it was not given as empty', async () => {
      const path = 'auth/jwt/role/partial'
      const write = (body: Record<string, unknown>) => root.request({ method: 'POST', path, body, operation: 'x' })
      await write({ role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'], token_ttl: '1m' })
      await write({ role_type: 'jwt', token_max_ttl: '2m' })
      expect(await codeOf(write({ token_ttl: '2m' }))).toBe('ERR_VAULT_INVALID_REQUEST')
      const { data } = await root.request<Record<string, unknown>>({ method: 'GET', path, operation: 'x' })
      const lives = { token_ttl: 60, token_max_ttl: 120, token_period: 0, token_explicit_max_ttl: 0, token_num_uses: 0 }
      expect(data).toMatchObject({ user_claim: 'sub', bound_audiences: ['a'], bound_subject: '', ...lives })
      expect(data).toMatchObject({ token_bound_cidrs: [], token_no_default_policy: false, clock_skew_leeway: 0 })
    })

    it('the configuration of the login method is absent at first, then shown', async () => {
      await root.sys.auth.enable('blank', { type: 'jwt' })
      const path = 'auth/blank/config'
      const read = () => root.request<Record<string, unknown>>({ method: 'GET', path, operation: 'x' })
      expect(await codeOf(read())).toBe('ERR_VAULT_NOT_FOUND')
      const [pem = ''] = publicKeys(authority)
      const empty = { jwks_url: '', jwks_ca_pem: '', oidc_discovery_url: '', bound_issuer: '', default_role: '' }
      const body = { ...empty, jwt_validation_pubkeys: [pem], jwt_supported_algs: ['ES256'] }
      await root.request({ method: 'POST', path, body, operation: 'x' })
      expect((await read()).data).toMatchObject({ ...body, jwt_validation_pubkeys: [pem.trim()] })
      await root.sys.auth.disable('blank')
    })

    it('a secret is patched, and its keys are shown without their values', async () => {
      const path = 'secret/data/kv/patched'
      const patch = (body: Record<string, unknown>) => root.request({ method: 'PATCH', path, body, operation: 'x' })
      const subkeys = () =>
        root.request<unknown>({ method: 'GET', path: 'secret/subkeys/kv/patched', operation: 'x', accepts: [404] })
      expect(await codeOf(patch({ data: { a: 1 } }))).toBe('ERR_VAULT_NOT_FOUND')
      await root.kv().write('kv/patched', { a: '1', b: { c: 1, d: [1] }, e: {} })
      await patch({ data: { a: null, b: { c: 2 }, n: 'x' }, options: { cas: 1 } })
      expect((await root.kv().read('kv/patched')).data).toEqual({ b: { c: 2, d: [1] }, e: {}, n: 'x' })
      expect(await codeOf(patch({ data: {}, options: { cas: 1 } }))).toBe('ERR_VAULT_CAS_MISMATCH')
      const names = { b: { c: null, d: null }, e: null, n: null }
      expect((await subkeys()).data).toMatchObject({ subkeys: names, metadata: { version: 2 } })
      await root.kv().delete('kv/patched')
      expect(await codeOf(patch({ data: { a: 1 } }))).toBe('ERR_VAULT_NOT_FOUND')
      expect(await subkeys()).toMatchObject({ status: 404, data: { subkeys: null, metadata: { version: 2 } } })
    })
  })

  describe('database credentials', () => {
    const roles = () =>
      subject.postgres.query<{ rolname: string }>("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")
    const exists = async (name: string) => (await roles()).some(({ rolname }) => rolname === name)

    it('work, are prolonged, cut at max TTL, and end with their lease', async () => {
      const client = await clientFor()
      const leased = await client.database().credentials('app')
      expect(leased).toMatchObject({ ttlSeconds: 20, renewable: true, role: 'app' })
      expect(leased.leaseId).toMatch(/^database\/creds\/app\/\w{24}$/)
      expect(leased.username).toMatch(/^v-jwt-spif-app-\w{20}-\d{10}$/)
      expect(await whoAmI(subject.postgres, leased.username, leased.password)).toBe(leased.username)
      expect(await client.leases.renew(leased.leaseId, { incrementSeconds: 30 })).toEqual({
        ttlSeconds: 30,
        renewable: true,
      })
      const cut = await client.leases.renew(leased.leaseId, { incrementSeconds: 300 })
      expect(cut.ttlSeconds).toBeGreaterThan(50)
      expect(cut.ttlSeconds).toBeLessThanOrEqual(60)
      await client.leases.revoke(leased.leaseId)
      expect(await exists(leased.username)).toBe(false)
      await client.leases.revoke(leased.leaseId)
      expect(await codeOf(client.leases.renew(leased.leaseId))).toBe('ERR_VAULT_LEASE_GONE')
      expect(await codeOf(client.leases.lookup(leased.leaseId))).toBe('ERR_VAULT_LEASE_GONE')
    })

    it('say how long PostgreSQL lets them in: five seconds more than the lease', async () => {
      const { username, leaseId } = await root.database().credentials('app')
      const validUntil = async (): Promise<number> => {
        const [row] = await subject.postgres.query<{ left: string }>(
          'SELECT extract(epoch FROM rolvaliduntil - now()) AS left FROM pg_roles WHERE rolname = $1',
          [username],
        )
        return Number(row?.left)
      }
      expect(await validUntil()).toBeGreaterThan(21)
      expect(await validUntil()).toBeLessThanOrEqual(25)
      await root.leases.renew(leaseId, { incrementSeconds: 40 })
      expect(await validUntil()).toBeGreaterThan(41)
      await root.leases.revoke(leaseId)
    })

    it('can be revoked by name only where the policy names them', async () => {
      const client = await clientFor()
      expect(await codeOf(client.leases.revoke('database/creds/other/x'))).toBe('ERR_VAULT_PERMISSION_DENIED')
      const body = { lease_id: 'database/creds/app/x' }
      const byBody = client.request({ method: 'POST', path: 'sys/leases/revoke', body, operation: 'lease_revoke' })
      expect(await codeOf(byBody)).toBe('ERR_VAULT_PERMISSION_DENIED')
    })

    it('end with the token that asked for them', async () => {
      const client = await clientFor()
      const { username, leaseId } = await client.database().credentials('app')
      await client.token.revokeSelf()
      await expect.poll(() => exists(username)).toBe(false)
      await expect.poll(() => codeOf(root.leases.lookup(leaseId))).toBe('ERR_VAULT_LEASE_GONE')
    })

    it('end at their time, and with a token that ends', async () => {
      const { token } = await root.token.create({ policies: ['app'], ttlSeconds: 2 })
      const brief = await root
        .withToken(() => token)
        .database()
        .credentials('app')
      const own = await root.database().credentials('brief')
      expect(own.ttlSeconds).toBe(2)
      await sleep(systemClock, 2500)
      await expect.poll(() => exists(brief.username), { timeout: 5000 }).toBe(false)
      await expect.poll(() => exists(own.username), { timeout: 5000 }).toBe(false)
      expect(await codeOf(root.leases.renew(own.leaseId))).toBe('ERR_VAULT_LEASE_GONE')
    })

    it('are bounded by the life of a batch token', async () => {
      const { token } = await root.token.create({ type: 'batch', policies: ['app'], ttlSeconds: 10 })
      const leased = await root
        .withToken(() => token)
        .database()
        .credentials('app')
      expect(leased.ttlSeconds).toBeLessThanOrEqual(10)
      await root.leases.revoke(leased.leaseId)
    })

    it.each([
      { role: 'nobody', code: 'ERR_VAULT_INVALID_REQUEST', says: 'unknown role: nobody' },
      { role: 'not-allowed', code: 'ERR_VAULT_INVALID_REQUEST', says: '"not-allowed" is not an allowed role' },
      {
        role: 'no-connection',
        code: 'ERR_VAULT_INVALID_REQUEST',
        says: 'failed to find entry for connection with name: "nothing"',
      },
      { role: 'nonsense', code: 'ERR_VAULT_BACKEND_UNAVAILABLE', says: 'syntax error' },
    ])('are not made for the role $role', async ({ role, code, says }) => {
      expect(await codeOf(root.database().credentials(role))).toBe(code)
      expect(await messageOf(root.database().credentials(role))).toContain(says)
    })

    it('a lease that cannot be prolonged or ended says so, and lives on', async () => {
      const { leaseId, username } = await root.database().credentials('stubborn')
      expect(await codeOf(root.leases.renew(leaseId))).toBe('ERR_VAULT_BACKEND_UNAVAILABLE')
      expect(await codeOf(root.leases.revoke(leaseId))).toBe('ERR_VAULT_BACKEND_UNAVAILABLE')
      expect((await root.leases.lookup(leaseId)).ttlSeconds).toBeGreaterThan(10)
      expect(await exists(username)).toBe(true)
      await root.database().writeRole('stubborn', { ...databaseRole, renew_statements: [], revocation_statements: [] })
      await root.leases.revoke(leaseId)
    })

    it('PostgreSQL down: 500 at creds, 400 at renew and revoke, all read as unavailable; fine again afterwards', async () => {
      const { leaseId, username } = await root.database().credentials('app')
      await subject.postgres.stop()
      try {
        expect(await codeOf(root.database().credentials('app'))).toBe('ERR_VAULT_BACKEND_UNAVAILABLE')
        expect(await codeOf(root.leases.renew(leaseId))).toBe('ERR_VAULT_BACKEND_UNAVAILABLE')
        expect(await messageOf(root.leases.renew(leaseId))).toContain('HTTP 400: failed to renew entry')
        expect(await codeOf(root.leases.revoke(leaseId))).toBe('ERR_VAULT_BACKEND_UNAVAILABLE')
      } finally {
        await subject.postgres.startAgain()
      }
      expect((await root.leases.renew(leaseId)).ttlSeconds).toBe(20)
      await root.leases.revoke(leaseId)
      expect(await exists(username)).toBe(false)
    })

    it('a connection that does not work is refused when it is set up', async () => {
      const config = connectionConfig(subject.postgres)
      const wrong = { ...config, password: new Secret('wrong') }
      expect(await messageOf(root.database().writeConfig('wrong', wrong))).toMatch(
        /error creating database object: error verifying connection: .*28P01/,
      )
      await root.database().writeConfig('wrong', { ...wrong, verify_connection: false })
    })
  })

  describe('leases', () => {
    it('are listed by prefix, logins among them, and revoked by prefix', async () => {
      const client = await clientFor()
      const { leaseId } = await client.database().credentials('app')
      const name = leaseId.split('/').at(-1)
      expect(await root.leases.list('database/creds/app')).toContain(name)
      expect(await root.leases.list('database')).toContain('creds/')
      expect(await root.leases.list('auth/jwt')).toEqual(['login/'])
      expect(await root.leases.list('nowhere')).toEqual([])
      await root.leases.revokePrefix('database/creds/app')
      expect(await root.leases.list('database/creds/app')).toEqual([])
      expect(await root.leases.countIrrevocable()).toBe(0)
    })

    it('need an id', async () => {
      const empty = root.request({ method: 'POST', path: 'sys/leases/renew', body: {}, operation: 'lease_renew' })
      expect(await messageOf(empty)).toContain('lease_id must be specified')
    })
  })

  describe('the system', () => {
    it('is active, and says so in health, seal status and leader', async () => {
      const nobody = root.withToken(() => undefined)
      const health = await nobody.sys.health()
      expect(health).toMatchObject({
        role: 'active',
        state: 'active',
        initialized: true,
        sealed: false,
        standby: false,
      })
      expect(Math.abs((health.serverTimeMs ?? 0) - systemClock.wallMs())).toBeLessThan(5000)
      expect(await nobody.sys.sealStatus()).toMatchObject({ type: 'shamir', sealed: false, shares: 1, threshold: 1 })
      expect(await nobody.sys.leader()).toMatchObject({ highlyAvailable: false })
      expect(await codeOf(nobody.sys.init({ shares: 1, threshold: 1 }))).toBe('ERR_VAULT_INVALID_REQUEST')
    })

    it('mounts once', async () => {
      await root.sys.mounts.enable('twice', { type: 'kv', options: { version: '2' } })
      const again = root.sys.mounts.enable('twice', { type: 'kv', options: { version: '2' } })
      expect(await messageOf(again)).toContain('path is already in use at twice/')
      expect((await root.sys.mounts.list()).map(({ path }) => path)).toContain('twice/')
      await root.sys.mounts.disable('twice')
      await root.sys.mounts.disable('twice')
      expect(await messageOf(root.sys.auth.enable('x', { type: 'no-such-type' }))).toContain(
        'plugin not found in the catalog',
      )
    })

    it.each([
      { method: 'GET', path: 'nowhere/x', code: 'ERR_VAULT_NOT_FOUND' },
      { method: 'GET', path: 'sys/no-such-thing', code: 'ERR_VAULT_NOT_FOUND' },
      { method: 'DELETE', path: 'auth/token/lookup-self', code: 'ERR_VAULT_INVALID_REQUEST' },
      { method: 'DELETE', path: 'sys/health', code: 'ERR_VAULT_INVALID_REQUEST' },
    ] as const)('$method $path: $code', async ({ method, path, code }) => {
      expect(await codeOf(root.request({ method, path, operation: 'x' }))).toBe(code)
    })

    it('bounds the lives below a mount', async () => {
      await root.sys.mounts.tune('database', { maxLeaseTtlSeconds: 15 })
      const leased = await root.database().credentials('app')
      expect(leased.ttlSeconds).toBe(15)
      await root.leases.revoke(leased.leaseId)
      await root.sys.mounts.tune('database', { maxLeaseTtlSeconds: 0 })
    })
  })

  describe('a session', () => {
    it('logs in, leases, finds its token revoked, logs in again, and leaves nothing', async () => {
      await using rotator = new Rotator()
      const session = VaultSession.open({
        client: root,
        rotator,
        login: jwtLogin({
          role: 'app',
          jwt: async () => new Secret(await authority.issueJwt(orchestrator, [audience])),
        }),
      })
      const lease = session.lease(session.database({ role: 'app' }))
      const first = await lease.ready(AbortSignal.timeout(10_000))
      await root.kv().write('orchestrator/session', { a: '1' })
      expect((await session.kv().read('orchestrator/session')).data).toEqual({ a: '1' })
      const dead = session.token.current()
      await root.withToken(() => dead.token).token.revokeSelf()
      await lease.renewNow('request')
      const second = lease.current()
      expect(second.username).not.toBe(first.username)
      expect(session.token.current().accessor).not.toBe(dead.accessor)
      expect(await whoAmI(subject.postgres, second.username, second.password)).toBe(second.username)
      expect(session.token.snapshot()).toMatchObject({ replacements: 1 })
      await session.close()
      expect(await root.leases.list('database/creds/app')).toEqual([])
      const left = await subject.postgres.query('SELECT FROM pg_roles WHERE rolname = ANY($1)', [
        [first.username, second.username],
      ])
      expect(left).toEqual([])
    })

    it('a policy that refuses a lease is told from a token that is gone', async () => {
      await using rotator = new Rotator()
      await using session = VaultSession.open({
        client: root,
        rotator,
        login: jwtLogin({
          role: 'app',
          jwt: async () => new Secret(await authority.issueJwt(orchestrator, [audience])),
        }),
      })
      await session.ready(AbortSignal.timeout(10_000))
      const lease = session.lease(session.database({ role: 'other' }))
      const failed = await lease.ready(AbortSignal.timeout(1500)).catch((error) => error)
      expect(failed.cause).toMatchObject({ code: 'ERR_VAULT_PERMISSION_DENIED' })
      expect(session.token.snapshot()).toMatchObject({ replacements: 0, failures: 0 })
    })
  })
}

const databaseRole = {
  db_name: 'main',
  creation_statements: [creation],
  default_ttl: 20,
  max_ttl: 60,
}

async function configure(root: VaultClient, authority: DevAuthority, postgres: PostgresServer): Promise<void> {
  await configureKeys(root, 'jwt', authority)
  await writeJwtRole(root, 'jwt', 'app', orchestrator)
  await root.sys.policies.write('app', rules)
  await root.sys.mounts.enable('database', { type: 'database' })
  const database = root.database()
  await database.writeConfig('main', connectionConfig(postgres))
  await database.writeRole('app', databaseRole)
  await database.writeRole('other', databaseRole)
  await database.writeRole('brief', { ...databaseRole, default_ttl: 2, max_ttl: 2 })
  await database.writeRole('not-allowed', databaseRole)
  await database.writeRole('no-connection', { ...databaseRole, db_name: 'nothing' })
  await database.writeRole('nonsense', { ...databaseRole, creation_statements: ['CREATE NONSENSE'] })
  const failing = ['SELECT no_such_column']
  await database.writeRole('stubborn', { ...databaseRole, renew_statements: failing, revocation_statements: failing })
}

function connectionConfig({ host, port, superuser }: PostgresServer) {
  return {
    plugin_name: 'postgresql-database-plugin',
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/postgres?sslmode=disable`,
    allowed_roles: ['app', 'other', 'brief', 'no-connection', 'nonsense', 'stubborn'],
    username: superuser.username,
    password: superuser.password,
    password_authentication: 'scram-sha-256',
  } as const
}

/** The authority's keys, given once. Keys that are fetched are the business of the test on the whole stack. */
async function configureKeys(root: VaultClient, mount: string, authority: DevAuthority): Promise<void> {
  await root.sys.auth.enable(mount, { type: 'jwt' })
  const body = { jwt_validation_pubkeys: publicKeys(authority), jwt_supported_algs: ['ES256'] }
  await root.request({ method: 'POST', path: `auth/${mount}/config`, body, operation: 'auth_configure' })
}

function publicKeys(authority: DevAuthority): string[] {
  const { keys } = JSON.parse(authority.jwks()) as { keys: JsonWebKey[] }
  return keys.map((key) => createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString())
}

async function writeJwtRole(root: VaultClient, mount: string, name: string, id: SpiffeId): Promise<void> {
  const body = {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: [audience],
    bound_subject: id.toString(),
    token_policies: ['app'],
    token_ttl: '30s',
    token_max_ttl: '2m',
  }
  await root.request({ method: 'POST', path: `auth/${mount}/role/${name}`, body, operation: 'auth_configure' })
}

async function whoAmI({ host, port }: PostgresServer, user: string, password: Secret): Promise<string> {
  const client = new pg.Client({ host, port, user, password: password.expose(), database: 'postgres' })
  await client.connect()
  try {
    const { rows } = await client.query<{ who: string }>('SELECT current_user AS who')
    return rows[0]?.who ?? ''
  } finally {
    await client.end()
  }
}
