import { RealSpire } from '@chaveiro/dev'
import { sleep, systemClock } from '@chaveiro/rotation'
import { TrustDomain } from '@chaveiro/spiffe'
import { describeReal, showLogsOnFailure } from '../support/real.js'
import { type RunningWorkloadApi, workloadApiContract } from './workload-api.js'

let spire: RealSpire | undefined

async function start(): Promise<RunningWorkloadApi> {
  const running = await RealSpire.start({ syncIntervalMs: 100 })
  spire = running
  return {
    trustDomain: TrustDomain.parse(running.trustDomain),
    endpoint: running.workloadApiEndpoint,
    jwksUrl: running.jwksUrl,
    clock: systemClock,
    async addEntry({ id, ...more }) {
      const selectors = [`unix:uid:${process.getuid?.()}`]
      const { entryId } = await running.createEntry({ id: id.toString(), selectors, ...more })
      await running.waitForEntry(entryId)
      return entryId
    },
    deleteEntry: (entryId) => running.deleteEntry(entryId),
    rotateJwtKey: () => running.rotateJwtKey(),
    rotateX509Authority: () => running.rotateX509Authority(),
    passTime: (ms) => sleep(systemClock, ms),
    close: () => running.close(),
  }
}

describeReal('the Workload API contract on SPIRE', ['spire'], () => {
  showLogsOnFailure(() => [spire?.process('agent')])
  workloadApiContract({ name: 'SPIRE', start })
})
