import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DevAuthority, DevVault } from '@chaveiro/dev'
import { Secret } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { jwtLogin, VaultClient } from '@chaveiro/vault'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** What the contract suite cannot ask of a real server, since it needs time to pass or the server to refuse. */
let clock: FakeClock
let vault: DevVault
let root: VaultClient

beforeEach(async () => {
  clock = new FakeClock()
  vault = await DevVault.start({ clock })
  root = new VaultClient({ address: vault.address, token: () => vault.rootToken })
})

afterEach(async () => {
  await root.close()
  await vault.close()
  expect(clock.pendingTimers, 'timers left behind').toBe(0)
})

describe('time', () => {
  it('ends a token exactly at the end of its TTL, and its children with it', async () => {
    const parent = await root.token.create({ policies: ['root'], ttlSeconds: 60 })
    const parentClient = root.withToken(() => parent.token)
    const child = await parentClient.token.create({ policies: ['default'], ttlSeconds: 3600 })
    await clock.advance(59_999)
    expect(await parentClient.token.lookupSelf()).toMatchObject({ renewable: true })
    await clock.advance(1)
    for (const { token } of [parent, child]) {
      await expect(root.withToken(() => token).token.lookupSelf()).rejects.toMatchObject({
        code: 'ERR_VAULT_TOKEN_INVALID',
      })
    }
  })

  it('does not pass for leases while the server is sealed, but they are older when it is unsealed', async () => {
    const { token } = await root.token.create({ policies: ['default'], ttlSeconds: 60 })
    await root.sys.seal()
    await clock.advance(3_600_000)
    await root.sys.unseal(vault.unsealKeys[0] as Secret)
    await expect(root.withToken(() => token).token.lookupSelf()).rejects.toMatchObject({
      code: 'ERR_VAULT_TOKEN_INVALID',
    })
  })
})

describe('a token for a few uses', () => {
  it('ends with the last one', async () => {
    const body = { policies: ['default'], num_uses: 2, ttl: '60s' }
    const { auth } = await root.request({ method: 'POST', path: 'auth/token/create', body, operation: 'token_create' })
    const client = root.withToken(() => auth?.client_token)
    expect(await client.token.lookupSelf()).toMatchObject({ numUses: 1 })
    await client.token.lookupSelf()
    await expect(client.token.lookupSelf()).rejects.toMatchObject({ code: 'ERR_VAULT_TOKEN_INVALID' })
  })
})

describe('what narrows rights and is not enforced here is refused', () => {
  it.each([
    'path "a" { capabilities = ["create"] allowed_parameters = { "b" = ["1"] } }',
    'path "a" { capabilities = ["create"] min_wrapping_ttl = "1s" }',
    'path "a/{{identity.entity.id}}" { capabilities = ["read"] }',
  ])('%s', async (rules) => {
    await expect(root.sys.policies.write('narrow', rules)).rejects.toThrow('the embedded server')
  })

  it.each([{ token_bound_cidrs: ['10.0.0.0/8'] }, { groups_claim: 'groups' }])('a role with %j', async (narrowing) => {
    await root.sys.auth.enable('jwt', { type: 'jwt' })
    const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'], ...narrowing }
    const write = root.request({ method: 'POST', path: 'auth/jwt/role/r', body: role, operation: 'auth_configure' })
    await expect(write).rejects.toThrow('the embedded server does not enforce')
  })

  it('KV version 1, which is another engine', async () => {
    await expect(root.sys.mounts.enable('old', { type: 'kv' })).rejects.toThrow('KV version 2 only')
  })
})

describe('policies in HCL', () => {
  it.each([
    ['comments and no commas', '# a\n// b\n/* c */ path "p" {\n capabilities = ["read"]\n}', ['read']],
    ['a trailing comma', 'path "p" { capabilities = ["read", "list",] }', ['list', 'read']],
    [
      'two blocks for one path',
      'path "p" { capabilities = ["read"] }\npath "p" { capabilities = ["list"] }',
      ['list', 'read'],
    ],
    ['the old words', 'path "p" { policy = "write" }', ['create', 'delete', 'list', 'read', 'update']],
    ['JSON', '{"path":{"p":{"capabilities":["read"]}}}', ['read']],
    ['a leading slash', 'path "/p" { capabilities = ["read"] }', ['read']],
  ])('%s', async (_name, text, wanted) => {
    await root.sys.policies.write('one', text)
    const { token } = await root.token.create({ policies: ['one'], ttlSeconds: 60 })
    expect((await root.withToken(() => token).sys.capabilitiesSelf(['p'])).get('p')).toEqual(wanted)
  })

  it.each(['path', 'path "p"', 'path "p" {', 'path "p" { capabilities }', 'paths "p" {}', 'path p {}', '§', '{"path"'])(
    'refuses %s',
    async (text) => {
      await expect(root.sys.policies.write('one', text)).rejects.toMatchObject({ code: 'ERR_VAULT_INVALID_REQUEST' })
    },
  )
})

describe('keys of JWTs at a URL', () => {
  const id = SpiffeId.of(TrustDomain.parse('neural-hive.local'), '/a')
  let authority: DevAuthority
  let keys: Server
  let fetched: number
  let status: number

  beforeEach(async () => {
    authority = await DevAuthority.create({ trustDomain: id.trustDomain, clock })
    fetched = 0
    status = 200
    keys = createServer((_, response) => {
      fetched += 1
      response.writeHead(status).end(authority.discoveryJwks())
    }).listen(0, '127.0.0.1')
    await once(keys, 'listening')
    await root.sys.auth.enable('jwt', { type: 'jwt' })
    await configure()
    const body = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_ttl: '30s' }
    await root.request({ method: 'POST', path: 'auth/jwt/role/r', body, operation: 'auth_configure' })
  })

  afterEach(async () => {
    keys.close()
    keys.closeAllConnections()
  })

  const configure = (): Promise<unknown> => {
    const { port } = keys.address() as AddressInfo
    const body = { jwks_url: `http://127.0.0.1:${port}/keys` }
    return root.request({ method: 'POST', path: 'auth/jwt/config', body, operation: 'auth_configure' })
  }
  const login = (from = authority) =>
    jwtLogin({ role: 'r', jwt: async () => new Secret(await from.issueJwt(id, ['vault'])) }).login(root, {})

  it('are fetched once, and again for a signature that none of them fits', async () => {
    await login()
    await login()
    expect(fetched).toBe(2)
    await authority.rotateJwtKey()
    await login()
    expect(fetched).toBe(3)
    const stranger = await DevAuthority.create({ trustDomain: id.trustDomain, clock })
    await expect(login(stranger)).rejects.toThrow('failed to verify id token signature')
    expect(fetched).toBe(4)
  })

  it('that cannot be fetched are no fault of whoever logs in', async () => {
    status = 500
    await expect(login()).rejects.toMatchObject({ code: 'ERR_VAULT_BACKEND_UNAVAILABLE' })
    await expect(configure()).rejects.toThrow('error checking jwks URL')
    status = 200
    await login()
  })
})

it('forgets everything at close, twice without harm, and its port is free again', async () => {
  const { port } = new URL(vault.address)
  await Promise.all([vault.close(), vault.close()])
  await using next = await DevVault.start({ clock, port: Number(port) })
  await using client = new VaultClient({ address: next.address, token: () => vault.rootToken })
  await expect(client.token.lookupSelf()).rejects.toMatchObject({ code: 'ERR_VAULT_TOKEN_INVALID' })
})

it('a port that is taken is an error, not a server', async () => {
  await expect(DevVault.start({ port: Number(new URL(vault.address).port) })).rejects.toThrow('EADDRINUSE')
})
