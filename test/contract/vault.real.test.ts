import { PostgresServer, RealVault } from '@chaveiro/dev'
import { afterAll } from 'vitest'
import { startBlankVault } from '../support/blank-vault.js'
import { describeReal } from '../support/real.js'
import { vaultContract } from './vault.js'
import { sealContract } from './vault-seal.js'

describeReal('contract: HashiCorp Vault', ['vault'], () => {
  const open: AsyncDisposable[] = []
  afterAll(async () => {
    for (const server of open.reverse()) await server[Symbol.asyncDispose]()
  })

  vaultContract(async () => {
    const postgres = await PostgresServer.start()
    open.push(postgres)
    const vault = await RealVault.start()
    open.push(vault)
    return { address: vault.address, rootToken: vault.rootToken, postgres }
  })
})

describeReal('contract: HashiCorp Vault, blank', ['vault'], () => {
  sealContract(startBlankVault)
})
