import { DevVault } from '@chaveiro/dev'
import { describe } from 'vitest'
import { vaultIntegrationSuite } from './vault-integration.js'

describe('VaultIntegration on the embedded Vault', () => {
  vaultIntegrationSuite(() => DevVault.start())
})
