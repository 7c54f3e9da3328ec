/**
 * worker-agents: reads its KV secret and announces itself at service-registry, again and again.
 * @module
 */
import { VaultIntegration } from '@chaveiro/integration'
import { countCall, registryFor } from '../sample/registry-caller.js'
import { newWork, report } from '../sample/report.js'
import { runSample } from '../sample/run.js'
import { ticks } from '../sample/ticks.js'
import { unlessVaultIsAway } from '../sample/vault-away.js'

await runSample(async (stop) => {
  await using keys = await VaultIntegration.start({ signal: stop })
  const registry = registryFor(keys)
  const work = newWork()
  report('sample_ready', { admin: keys.adminAddress })
  await ticks(500, stop, async () => {
    await unlessVaultIsAway(() => keys.secrets.read('worker/queue'))
    await countCall(work, () => registry.register('worker-agents.neural-hive-execution:9000'))
    report('sample_work', work)
  })
  registry.close()
  report('sample_closed', { rotations: keys.report().rotations })
})
