/**
 * service-registry: keeps a list of who is there. Callers prove who they are; what they may do hangs on that.
 * @module
 */
import { VaultIntegration } from '@chaveiro/integration'
import { report } from '../sample/report.js'
import { runSample } from '../sample/run.js'
import { stopped } from '../sample/stop.js'
import { startRegistryServer } from './server.js'

await runSample(async (stop) => {
  await using keys = await VaultIntegration.start({ signal: stop })
  await keys.secrets.read('registry/signing')
  await using server = await startRegistryServer(keys)
  report('sample_ready', { admin: keys.adminAddress, address: server.address })
  await stopped(stop)
  report('sample_closed', { rotations: keys.report().rotations })
})
