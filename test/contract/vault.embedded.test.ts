import { DevVault, PostgresServer } from '@chaveiro/dev'
import { Secret } from '@chaveiro/rotation'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, describe, expect, it } from 'vitest'
import { vaultContract } from './vault.js'
import { sealContract } from './vault-seal.js'

describe('the embedded Vault', () => {
  const open: AsyncDisposable[] = []
  afterAll(async () => {
    for (const server of open.reverse()) await server[Symbol.asyncDispose]()
  })

  vaultContract(async () => {
    const postgres = await PostgresServer.start()
    open.push(postgres)
    const vault = await DevVault.start()
    open.push(vault)
    return { address: vault.address, rootToken: vault.rootToken, postgres }
  })
})

describe('the embedded Vault, blank', () => {
  sealContract(async () => {
    const vault = await DevVault.start({ mode: 'blank' })
    return { address: vault.address, close: () => vault.close() }
  })
})

it('listens on loopback only, and answers to no other name', async () => {
  await using vault = await DevVault.start({ rootToken: new Secret('planted-root') })
  expect(new URL(vault.address).hostname).toBe('127.0.0.1')
  const { request } = await import('node:http')
  const status = await new Promise((resolve, reject) => {
    request(`${vault.address}/v1/sys/health`, { headers: { host: 'attacker.example' } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
  expect(status).toBe(400)
})

it('two servers know nothing of each other', async () => {
  await using first = await DevVault.start()
  await using second = await DevVault.start()
  await using client = new VaultClient({ address: second.address, token: () => first.rootToken })
  await expect(client.token.lookupSelf()).rejects.toMatchObject({ code: 'ERR_VAULT_TOKEN_INVALID' })
})
