import { DevVault } from '@chaveiro/dev'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Ran, run } from './terminal.js'

describe('chaveiro token', () => {
  let server: DevVault
  let root: VaultClient
  let token: string

  beforeAll(async () => {
    server = await DevVault.start()
    root = new VaultClient({ address: server.address, token: () => server.rootToken })
  })

  afterAll(async () => {
    await root?.close()
    await server?.close()
  })

  beforeEach(async () => {
    const made = await root.token.create({ policies: ['default'], ttlSeconds: 600, renewable: true })
    token = made.token.expose()
  })

  async function chaveiro(args: string[], env: object = {}): Promise<Ran> {
    const ran = await run(['token', ...args], { env: { VAULT_ADDR: server.address, VAULT_TOKEN: token, ...env } })
    expect(ran.stdout + ran.stderr).not.toContain(token)
    return ran
  }

  it('shows what the token may, and not the token', async () => {
    const { code, stdout } = await chaveiro(['show', '-o', 'json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ policies: ['default'], renewable: true, type: 'service' })
  })

  it('renews it for as long as is asked', async () => {
    const { code, stdout } = await chaveiro(['renew', '--increment', '20m', '-o', 'json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ ttl_seconds: 1200, renewable: true })
  })

  it('revokes it when somebody has said yes, and only then', async () => {
    expect(await chaveiro(['revoke'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
    expect((await chaveiro(['show'])).code).toBe(0)
    expect((await chaveiro(['revoke', '--yes'])).code).toBe(0)
    expect((await chaveiro(['show'])).code).toBe(4)
  })

  it.each([
    { name: 'no token', env: { VAULT_TOKEN: '' }, code: 2 },
    { name: 'a server that does not answer', env: { VAULT_ADDR: 'http://127.0.0.1:1' }, code: 3 },
  ])('ends with $code for $name', async ({ env, code }) => {
    expect((await chaveiro(['show'], env)).code).toBe(code)
  })
})
