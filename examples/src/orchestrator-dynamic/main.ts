/**
 * orchestrator-dynamic: writes and reads a row a tick through the one pool, reads its KV secrets, and asks
 * service-registry who is there.
 * @module
 */
import { VaultIntegration } from '@chaveiro/integration'
import { countCall, registryFor } from '../sample/registry-caller.js'
import { newWork, report, type Work } from '../sample/report.js'
import { runSample } from '../sample/run.js'
import { ticks } from '../sample/ticks.js'
import { unlessVaultIsAway } from '../sample/vault-away.js'

const secrets = ['orchestrator/mongodb', 'orchestrator/kafka', 'orchestrator/redis'] as const
const tickMs = 100
/** Every how many ticks secrets are read again and the registry is asked. */
const slowEvery = 10

await runSample(async (stop) => {
  await using keys = await VaultIntegration.start({ signal: stop })
  const registry = registryFor(keys)
  const work = newWork()
  let tick = 0
  report('sample_ready', { admin: keys.adminAddress })
  await ticks(tickMs, stop, async () => {
    await query(keys, work)
    if (tick % slowEvery === 0) {
      await unlessVaultIsAway(() => readSecrets(keys))
      await countCall(work, () => registry.list())
      report('sample_work', work)
    }
    tick += 1
  })
  registry.close()
  report('sample_work', work)
  report('sample_closed', { rotations: keys.report().rotations })
})

/** Each read is a round trip with the service's own token; a path that is not its own would be refused. */
async function readSecrets({ secrets: vault }: VaultIntegration): Promise<void> {
  await Promise.all(secrets.map((path) => vault.read(path)))
}

async function query({ pool }: VaultIntegration, { queries }: Work): Promise<void> {
  try {
    await pool.query('INSERT INTO ticks DEFAULT VALUES')
    await pool.query('SELECT count(*) FROM ticks')
    queries.done += 2
  } catch (error) {
    queries.failed += 1
    process.stderr.write(`query failed: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}
