import { RealVault } from '@chaveiro/dev'
import { describeReal } from '../support/real.js'
import { vaultIntegrationSuite } from './vault-integration.js'

describeReal('VaultIntegration on HashiCorp Vault', ['vault'], () => {
  vaultIntegrationSuite(() => RealVault.start({ storage: 'file' }))
})
