import { type CredentialView, type Observed, summarize } from '@chaveiro/dev'
import { describe, expect, it } from 'vitest'

const credential = (type: string, renewals: number, replacements: number, share = 0.7): CredentialView => ({
  type,
  name: type,
  state: 'live',
  ttlSeconds: 30,
  remainingSeconds: 20,
  renewals,
  replacements,
  latestFirstAttemptShare: share,
})

const good: Observed = {
  durationMs: 60_040,
  firstQueryMs: 4321,
  servers: [{ name: 'embedded', version: '1' }],
  credentials: [credential('token', 3, 0), credential('database', 4, 1, 0.743), credential('token', 2, 0)],
  queries: { done: 100, failed: 0 },
  calls: { accepted: 50, refusedAsExpected: 10, failed: 0 },
  leftBehind: { leases: 0, database_users: 0 },
  casualties: [],
}

describe('the verdict on a demo', () => {
  it('counts by credential type over all services', () => {
    expect(summarize(good)).toMatchObject({
      duration_s: 60,
      first_query_s: 4.3,
      renewals: { token: 5, database: 4, x509_svid: 0, jwt_svid: 0 },
      replacements: { token: 0, database: 1, x509_svid: 0, jwt_svid: 0 },
      latest_renewal_fraction: 0.743,
      ok: true,
      problems: [],
    })
  })

  it.each([
    { name: 'a failed query', change: { queries: { done: 100, failed: 1 } } },
    { name: 'no query at all', change: { queries: { done: 0, failed: 0 } } },
    { name: 'a failed call', change: { calls: { accepted: 50, refusedAsExpected: 10, failed: 1 } } },
    { name: 'no call at all', change: { calls: { accepted: 0, refusedAsExpected: 10, failed: 0 } } },
    { name: 'an intruder who was never refused', change: { calls: { accepted: 50, refusedAsExpected: 0, failed: 0 } } },
    { name: 'a lease left in Vault', change: { leftBehind: { leases: 1, database_users: 0 } } },
    { name: 'a user left in PostgreSQL', change: { leftBehind: { leases: 0, database_users: 1 } } },
    { name: 'a Vault that cannot be asked', change: { leftBehind: { leases: null, database_users: 0 } } },
    { name: 'a PostgreSQL that cannot be asked', change: { leftBehind: { leases: 0, database_users: null } } },
    { name: 'a first attempt after 0.80', change: { credentials: [credential('token', 3, 0, 0.81)] } },
    { name: 'a service that fell', change: { casualties: ['worker-agents ended by itself'] } },
  ])('is not ok after $name, and says so', ({ change }) => {
    const { ok, problems } = summarize({ ...good, ...change })
    expect(ok).toBe(false)
    expect(problems).toHaveLength(1)
  })
})
