import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DevAuthority, DevWorkloadApi } from '@chaveiro/dev'
import { FakeClock } from '@chaveiro/rotation/testing'
import { TrustDomain } from '@chaveiro/spiffe'
import { describe } from 'vitest'
import { type RunningWorkloadApi, workloadApiContract } from './workload-api.js'

async function start(): Promise<RunningWorkloadApi> {
  const clock = new FakeClock()
  const trustDomain = TrustDomain.parse('neural-hive.local')
  const authority = await DevAuthority.create({ trustDomain, clock })
  const folder = await mkdtemp(join(tmpdir(), 'chaveiro-wl-'))
  const api = await DevWorkloadApi.start({ authority, folder: join(folder, 'sockets'), clock })
  const endpoint = await api.openSocket('contract.sock')
  return {
    trustDomain,
    endpoint,
    jwksUrl: api.jwksUrl,
    clock,
    addEntry: (entry) => api.addEntry('contract.sock', entry),
    deleteEntry: (entryId) => api.removeEntry(entryId),
    rotateJwtKey: () => authority.rotateJwtKey(),
    rotateX509Authority: () => authority.rotateX509(),
    async passTime(ms) {
      await clock.advance(ms)
      // Keys are made and sockets are written to outside of the fake time.
      await delay(5)
    },
    async close() {
      await api.close()
      await rm(folder, { recursive: true })
    },
  }
}

describe('the Workload API contract on the embedded server', () => {
  workloadApiContract({ name: 'embedded', start })
})
