/**
 * A session with the embedded Vault on a clock that the test drives: days pass in seconds, over real HTTP.
 * @module
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { DevAuthority, DevVault } from '@chaveiro/dev'
import { type Rotation, Rotator, Secret, type Source } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import {
  classifyVaultError,
  jwtLogin,
  VaultClient,
  type VaultRequestEnded,
  VaultSession,
  vaultRequest,
} from '@chaveiro/vault'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const trustDomain = TrustDomain.parse('neural-hive.local')
const id = SpiffeId.of(trustDomain, '/ns/a/sa/b')
const audience = 'vault.neural-hive.local'
const minutes = 60_000
const hours = 60 * minutes

/** Requests on the wire, and JWTs being signed: fake time must not pass while real work is under way. */
let onTheWire = 0
const more = (): void => {
  onTheWire += 1
}
const less = (): void => {
  onTheWire -= 1
}
const wire = [
  ['undici:request:create', more],
  ['undici:request:trailers', less],
  ['undici:request:error', less],
] as const

const requests: VaultRequestEnded[] = []
const record = (event: unknown): void => void requests.push(event as VaultRequestEnded)
const count = (operation: string): number => requests.filter((request) => request.operation === operation).length

let clock: FakeClock
let vault: DevVault
let root: VaultClient
let client: VaultClient
let rotator: Rotator
let session: VaultSession

beforeEach(async () => {
  onTheWire = 0
  for (const [channel, listener] of wire) subscribe(channel, listener)
  requests.length = 0
  vaultRequest.subscribe(record)
  clock = new FakeClock()
  vault = await DevVault.start({ clock })
  root = new VaultClient({ address: vault.address, token: () => vault.rootToken, clock })
  client = new VaultClient({ address: vault.address, clock })
  rotator = new Rotator({ clock })
})

afterEach(async () => {
  await session?.close()
  await rotator.close()
  await client.close()
  await root.close()
  await vault.close()
  vaultRequest.unsubscribe(record)
  for (const [channel, listener] of wire) unsubscribe(channel, listener)
  expect(clock.pendingTimers, 'timers left behind').toBe(0)
})

async function answersArrived(): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet += 1) {
    await new Promise(setImmediate)
    if (onTheWire > 0) quiet = 0
  }
}

/** Steps are shorter than any time-out, so that no answer comes too late only because fake time ran ahead. */
async function pass(ms: number, stepMs = 5000): Promise<void> {
  await answersArrived()
  for (let left = ms; left > 0; left -= stepMs) {
    await clock.advance(Math.min(left, stepMs))
    await answersArrived()
  }
}

const role = {
  role_type: 'jwt',
  user_claim: 'sub',
  bound_audiences: [audience],
  token_policies: ['app'],
  token_ttl: '1h',
  token_max_ttl: '24h',
}

async function openSession(body: Record<string, unknown> = {}): Promise<void> {
  const authority = await DevAuthority.create({ trustDomain, clock, caTtlSeconds: 86_400 * 365 })
  const jwks = await import('node:http').then(({ createServer }) =>
    createServer((_, response) => void response.end(authority.jwks())),
  )
  jwks.listen(0, '127.0.0.1')
  await new Promise((resolve) => jwks.once('listening', resolve))
  const { port } = jwks.address() as { port: number }
  await root.sys.auth.enable('jwt', { type: 'jwt' })
  const config = { jwks_url: `http://127.0.0.1:${port}/keys` }
  await root.request({ method: 'POST', path: 'auth/jwt/config', body: config, operation: 'auth_configure' })
  await writeRole(body)
  const rules = `path "auth/token/create" { capabilities = ["update"] }
    path "secret/data/*" { capabilities = ["read"] }`
  await root.sys.policies.write('app', rules)
  const sign = async (): Promise<Secret> => {
    more()
    return new Secret(await authority.issueJwt(id, [audience]).finally(less))
  }
  const login = jwtLogin({ role: 'app', jwt: sign })
  session = VaultSession.open({ client, login, rotator })
  await expect.poll(() => requests.some(({ operation }) => operation === 'login')).toBe(true)
  // The embedded server keeps the keys that it has fetched.
  jwks.close()
  jwks.closeAllConnections()
  requests.length = 0
}

async function writeRole(body: Record<string, unknown>): Promise<void> {
  const request = { method: 'POST', path: 'auth/jwt/role/app', operation: 'auth_configure' } as const
  await root.request({ ...request, body: { ...role, ...body } })
}

/** Something that dies with the session's token, as every lease does: here a child token. */
function childTokens(ttlSeconds: number, maxTtlSeconds = 0): Source<Secret> {
  return {
    credentialType: 'database',
    name: 'child',
    async issue({ signal }) {
      const wanted = { policies: ['app'], ttlSeconds, explicitMaxTtlSeconds: maxTtlSeconds }
      const { token, ttlSeconds: granted } = await session.client.token.create(wanted, { signal })
      return { value: token, ttlSeconds: granted, renewable: true }
    },
    renew: (token, { signal, incrementSeconds }) =>
      client.withToken(() => token).token.renewSelf({ signal, incrementSeconds }),
    revoke: (token, { signal }) => client.withToken(() => token).token.revokeSelf({ signal }),
    classify: classifyVaultError,
  }
}

/** Asked of the server. */
async function isAlive(lease: Rotation<Secret>): Promise<boolean> {
  const token = lease.current()
  return root
    .withToken(() => token)
    .token.lookupSelf()
    .then(
      () => true,
      () => false,
    )
}

async function accessors(): Promise<number> {
  const request = { method: 'LIST', path: 'auth/token/accessors', operation: 'x' } as const
  return (await root.request<{ keys: string[] }>(request)).data.keys.length
}

describe('days with a session', () => {
  it('token and leases are alive at every moment over three days, and nothing is left at the end', async () => {
    await openSession()
    const leases = [session.lease(childTokens(3600, 4 * 3600)), session.lease(childTokens(600))]
    await pass(minutes)
    for (let quarter = 0; quarter < 3 * 24 * 4; quarter += 1) {
      await pass(15 * minutes)
      expect(await Promise.all(leases.map(isAlive)), `after ${quarter} quarters of an hour`).toEqual([true, true])
    }
    const token = session.token.snapshot()
    expect(token.replacements).toBeGreaterThanOrEqual(3)
    expect(token.replacements).toBeLessThanOrEqual(4)
    expect(token.failures).toBe(0)
    expect(token.latestFirstAttemptShare).toBeLessThanOrEqual(0.76)
    const [long, short] = leases.map((lease) => lease.snapshot())
    expect(long?.replacements).toBeGreaterThanOrEqual(3 * 6)
    expect(long?.replacements).toBeLessThanOrEqual(3 * 10)
    expect(short?.renewals).toBeGreaterThan(500)
    for (const snapshot of [long, short]) expect(snapshot?.failures).toBe(0)
    // One login for each replacement, and a bounded number of creations.
    expect(count('login')).toBe(token.replacements)
    expect(count('token_lookup')).toBeGreaterThan(0)
    await session.close()
    expect(await accessors()).toBe(1)
  }, 120_000)

  it('a token that cannot be renewed (batch) is replaced in time, with its leases, and is not revoked', async () => {
    await openSession({ token_type: 'batch' })
    const lease = session.lease<number>({
      credentialType: 'kv',
      name: 'count',
      issue: async () => ({ value: count('login'), ttlSeconds: 0, renewable: false }),
      classify: classifyVaultError,
    })
    await pass(10 * hours)
    expect(session.token.current().type).toBe('batch')
    const { replacements, failures, latestFirstAttemptShare } = session.token.snapshot()
    expect(replacements).toBeGreaterThanOrEqual(12)
    expect(replacements).toBeLessThanOrEqual(17)
    expect(failures).toBe(0)
    expect(latestFirstAttemptShare).toBeLessThanOrEqual(0.76)
    expect(lease.current()).toBe(replacements)
    expect(count('token_revoke')).toBe(0)
  })

  it('a periodic token is renewed for ever', async () => {
    await openSession({ token_period: '1h', token_ttl: '0', token_max_ttl: '0' })
    await pass(48 * hours)
    expect(session.token.snapshot()).toMatchObject({ replacements: 0, failures: 0 })
    expect(session.token.snapshot().renewals).toBeGreaterThan(60)
  })

  it('explicit_max_ttl ends a token, and the next one is there before', async () => {
    await openSession({ token_explicit_max_ttl: '2h' })
    const lease = session.lease(childTokens(3600))
    for (let half = 0; half < 20; half += 1) {
      await pass(30 * minutes)
      expect(await isAlive(lease)).toBe(true)
    }
    expect(session.token.snapshot().replacements).toBeGreaterThanOrEqual(5)
    expect(session.token.snapshot().failures).toBe(0)
  })

  it('a token of many days is not renewed at once: the timer is as long as it must be', async () => {
    await openSession({ token_ttl: '768h', token_max_ttl: '768h' })
    await pass(24 * hours, hours)
    expect(requests.filter(({ operation }) => operation !== 'auth_configure')).toEqual([])
    expect(session.token.snapshot().nextAttemptInSeconds).toBeGreaterThan(400 * 3600)
  })
})

describe('a token that is gone', () => {
  it('revoked out of band: one look, one login, every lease anew, however many there are', async () => {
    await openSession()
    const leases = Array.from({ length: 50 }, () => session.lease(childTokens(3600)))
    await pass(minutes, 1000)
    const dead = session.token.current()
    requests.length = 0
    await root.withToken(() => dead.token).token.revokeSelf()
    await pass(50 * minutes)
    expect(session.token.current()).not.toBe(dead)
    expect(await Promise.all(leases.map(isAlive))).not.toContain(false)
    expect(count('login')).toBe(1)
    expect(count('token_create')).toBeLessThanOrEqual(100)
    await session.close()
    expect(await accessors()).toBe(1)
  }, 60_000)

  it('a read finds it revoked, and is answered all the same', async () => {
    await openSession()
    await pass(10_000, 1000)
    await root.kv().write('a', { b: 'c' })
    const dead = session.token.current().token
    await root.withToken(() => dead).token.revokeSelf()
    requests.length = 0
    const read = session.kv().read('a')
    const others = [session.kv().read('a'), session.kv().read('a')]
    await pass(5000, 100)
    expect((await read).data).toEqual({ b: 'c' })
    await Promise.all(others)
    expect(count('login')).toBe(1)
    expect(count('token_lookup')).toBe(1)
  })

  it('a policy that refuses a read is not taken for it', async () => {
    await openSession()
    await pass(10_000, 1000)
    requests.length = 0
    const refused = session
      .kv('elsewhere')
      .read('a')
      .catch((error) => error)
    await answersArrived()
    expect(await refused).toMatchObject({ code: 'ERR_VAULT_PERMISSION_DENIED' })
    expect(count('login') + count('token_lookup')).toBe(0)
  })
})

describe('Vault away', () => {
  it('sealed for a while: what lives is served, and nothing is lost afterwards', async () => {
    await openSession()
    const lease = session.lease(childTokens(3600))
    await pass(40 * minutes)
    const [before, token] = [lease.current(), session.token.current()]
    await root.sys.seal()
    requests.length = 0
    await pass(8 * minutes)
    expect(lease.current()).toBe(before)
    expect(session.token.current()).toBe(token)
    // A server that does not answer is asked seldom.
    expect(requests.length).toBeLessThan(8 * 60)
    await root.sys.unseal(vault.unsealKeys[0] as Secret)
    await pass(2 * hours)
    expect(await isAlive(lease)).toBe(true)
    expect(session.token.snapshot().state).toBe('live')
  })

  it('for longer than everything lives: nothing expired is handed out, and all comes back by itself', async () => {
    await openSession()
    const lease = session.lease(childTokens(3600))
    await pass(10 * minutes)
    await root.sys.seal()
    requests.length = 0
    await pass(3 * hours)
    expect(() => lease.current()).toThrow(expect.objectContaining({ code: 'ERR_ROTATION_EXPIRED' }))
    expect(() => session.token.current()).toThrow(expect.objectContaining({ code: 'ERR_ROTATION_EXPIRED' }))
    await expect(session.kv().read('a')).rejects.toMatchObject({ code: 'ERR_ROTATION_EXPIRED' })
    await root.sys.unseal(vault.unsealKeys[0] as Secret)
    await pass(10 * minutes, 1000)
    expect(await isAlive(lease)).toBe(true)
  })

  it('a role that is gone: the login is refused, seldom repeated, and said', async () => {
    await openSession()
    await root.request({ method: 'DELETE', path: 'auth/jwt/role/app', operation: 'auth_configure' })
    await root.withToken(() => session.token.current().token).token.revokeSelf()
    requests.length = 0
    await pass(3 * hours)
    expect(count('login')).toBeGreaterThan(2)
    expect(count('login')).toBeLessThan((3 * 3600) / 10)
    await expect(session.ready(AbortSignal.abort())).rejects.toMatchObject({
      code: 'ERR_ROTATION_NOT_READY',
      cause: { code: 'ERR_VAULT_LOGIN_FAILED' },
    })
    await writeRole({})
    await pass(30 * minutes)
    expect(session.token.snapshot().state).toBe('live')
  })

  it('a role whose tokens are good for a few uses only is refused, and its token revoked', async () => {
    await openSession({ token_num_uses: 5 })
    await pass(10_000)
    await expect(session.ready(AbortSignal.abort())).rejects.toMatchObject({
      cause: { code: 'ERR_VAULT_LOGIN_FAILED', message: expect.stringContaining('token_num_uses') },
    })
    expect(await accessors()).toBe(1)
  })
})

it('closes leases before the token, twice without harm, and leaves client and rotator open', async () => {
  await openSession()
  session.lease(childTokens(3600))
  await pass(minutes, 1000)
  requests.length = 0
  await Promise.all([session.close(), session.close()])
  expect(requests.map(({ operation }) => operation)).toEqual(['token_revoke', 'token_revoke'])
  expect(rotator.rotations.size).toBe(0)
  expect(await client.sys.health()).toMatchObject({ state: 'active' })
})
