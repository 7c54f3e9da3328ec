/**
 * A new server: initialised, unsealed share by share, sealed. The same cases for the embedded server and the real one.
 * @module
 */
import { Secret } from '@chaveiro/rotation'
import { type Initialization, VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, expect, it } from 'vitest'

/** A server that is neither initialised nor unsealed. */
export interface BlankVault {
  readonly address: string
  close(): Promise<void>
}

/** The cases follow one another: each finds the server as the one before it left it. */
export function sealContract(start: () => Promise<BlankVault>): void {
  let vault: BlankVault
  let client: VaultClient
  let made: Initialization

  beforeAll(async () => {
    vault = await start()
    client = new VaultClient({ address: vault.address, token: () => made?.rootToken })
  })

  afterAll(async () => {
    await client?.close()
    await vault?.close()
  })

  const share = (index: number): Secret => made.keys[index] as Secret
  const wrongShare = (): Secret => {
    const bytes = Buffer.from(share(1).expose(), 'base64')
    bytes[3] = (bytes[3] ?? 0) ^ 1
    return new Secret(bytes.toString('base64'))
  }

  it('uninitialised: 501, and nothing can be done but to initialise it', async () => {
    expect(await client.sys.health()).toMatchObject({
      role: 'uninitialized',
      state: 'uninitialized',
      initialized: false,
    })
    expect(await client.sys.sealStatus()).toMatchObject({ initialized: false, sealed: true, shares: 0, threshold: 0 })
    const key = new Secret(Buffer.alloc(33, 7).toString('base64'))
    await expect(client.sys.unseal(key)).rejects.toMatchObject({ code: 'ERR_VAULT_UNINITIALIZED' })
    await expect(client.kv().read('a')).rejects.toMatchObject({ code: 'ERR_VAULT_SEALED' })
  })

  it.each([
    { shares: 0, threshold: 0, says: 'shares must be at least one' },
    { shares: 2, threshold: 3, says: 'threshold cannot be larger than shares' },
    { shares: 3, threshold: 1, says: 'threshold must be greater than one for multiple shares' },
  ])('is not initialised with $shares shares of which $threshold are needed', async ({ shares, threshold, says }) => {
    await expect(client.sys.init({ shares, threshold })).rejects.toThrow(says)
  })

  it('is initialised once, and sealed then', async () => {
    made = await client.sys.init({ shares: 3, threshold: 2 })
    expect(made.keys).toHaveLength(3)
    await expect(client.sys.init({ shares: 3, threshold: 2 })).rejects.toMatchObject({
      code: 'ERR_VAULT_INVALID_REQUEST',
    })
    expect(await client.sys.health()).toMatchObject({
      role: 'sealed',
      state: 'sealed',
      initialized: true,
      sealed: true,
    })
  })

  it('sealed: 503 for whatever is asked, with or without a token', async () => {
    const calls = [client.kv().read('a'), client.token.lookupSelf(), client.sys.mounts.list()]
    await Promise.all(
      calls.map((call) => expect(call).rejects.toMatchObject({ code: 'ERR_VAULT_SEALED', status: 503 })),
    )
  })

  it('counts each share once, and can forget them', async () => {
    expect(await client.sys.unseal(share(0))).toMatchObject({ sealed: true, progress: 1, threshold: 2, shares: 3 })
    expect(await client.sys.unseal(share(0))).toMatchObject({ sealed: true, progress: 1 })
    expect(await client.sys.resetUnseal()).toMatchObject({ sealed: true, progress: 0 })
  })

  it('judges shares together: one that is wrong fails all', async () => {
    await client.sys.unseal(share(0))
    await expect(client.sys.unseal(wrongShare())).rejects.toMatchObject({ code: 'ERR_VAULT_INVALID_REQUEST' })
    expect(await client.sys.sealStatus()).toMatchObject({ sealed: true, progress: 0 })
    await expect(client.sys.unseal(new Secret('not a share!'))).rejects.toThrow('must be a valid hex or base64 string')
  })

  it('is unsealed by any shares that suffice', async () => {
    await client.sys.unseal(share(2))
    expect(await client.sys.unseal(share(1))).toMatchObject({ sealed: false, progress: 0 })
    await expect.poll(async () => (await client.sys.health()).role, { timeout: 10_000 }).toBe('active')
    expect(await client.sys.unseal(share(0))).toMatchObject({ sealed: false })
    await expect(client.sys.resetUnseal()).rejects.toThrow('vault is unsealed')
    expect(await client.token.lookupSelf()).toMatchObject({ policies: ['root'] })
  })

  it('has nothing at secret/ by itself', async () => {
    await expect(client.kv().read('a')).rejects.toMatchObject({ code: 'ERR_VAULT_NOT_FOUND' })
    expect((await client.sys.mounts.list()).map(({ path }) => path)).not.toContain('secret/')
  })

  it('is sealed only by a token that may, and remembers everything', async () => {
    await client.sys.mounts.enable('kept', { type: 'kv-v2' })
    await expect
      .poll(() =>
        client
          .kv('kept')
          .write('a', { b: 1 })
          .catch(() => undefined),
      )
      .toMatchObject({ version: 1 })
    const { token } = await client.token.create({ policies: ['default'], ttlSeconds: 600 })
    const plain = client.withToken(() => token)
    await expect(plain.sys.seal()).rejects.toMatchObject({ code: 'ERR_VAULT_PERMISSION_DENIED' })
    await client.sys.seal()
    await expect(client.kv('kept').read('a')).rejects.toMatchObject({ code: 'ERR_VAULT_SEALED' })
    await client.sys.unseal(share(0))
    await client.sys.unseal(share(1))
    await expect.poll(async () => (await client.sys.health()).role, { timeout: 10_000 }).toBe('active')
    expect((await client.kv('kept').read('a')).data).toEqual({ b: 1 })
    expect(await plain.token.lookupSelf()).toMatchObject({ policies: ['default'] })
  })
}
