/**
 * Every fault on the real servers, under load that never stops. A row of the table is a fault: how it is done and
 * undone, and what may fail meanwhile.
 */
import { sleep, systemClock } from '@chaveiro/rotation'
import { replyLost } from '@chaveiro/vault'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeReal, showLogsOnFailure } from '../support/real.js'
import type { FaultProxy, Weather } from './fault-proxy.js'
import { httpAnswer } from './fault-proxy.js'
import { type FaultRow, nothingFailed, writeReport } from './fault-report.js'
import { FaultStage } from './fault-stage.js'
import { lives } from './lives.js'
import type { Work } from './load.js'

interface Fault {
  readonly fault: string
  readonly userSees: string
  readonly weDo: string
  /** How long it lasts once it is done, in seconds; until `undo` has ended on top of that. */
  readonly seconds: number
  readonly inflict: () => Promise<unknown> | unknown
  readonly undo?: () => Promise<unknown> | unknown
  /** Work that may fail until it is over. Default: none. */
  readonly mayFail?: readonly Work[]
  /** It begins with whole lives in hand, and meets renewals that are asked for. Default: as it comes. */
  readonly inLife?: boolean
  /** What must have been seen by the end. */
  readonly proof?: () => void
  /** The server whose requests are counted. Default: Vault. */
  readonly proxy?: () => FaultProxy
}

const recoveryBoundSeconds = 20
/** A burst at its beginning and end, and no more than this while it lasts; reads of the load itself are 5. */
const requestsPerSecond = 20
const burst = 60
const longerThanALifeSeconds = lives.leaseSeconds + 5
const shorterThanALifeSeconds = 3

let stage: FaultStage
const rows: FaultRow[] = []
const secrets: string[] = []

const vaultWeather = (weather: Weather): void => {
  stage.vaultProxy.weather = weather
}
const calm = (): void => vaultWeather({})
const pause = (seconds: number): Promise<void> => sleep(systemClock, seconds * 1000)

let policy = { name: '', text: '' }

async function takePolicy(): Promise<void> {
  const name = stage.service.vault.token.current().policies.find((each) => each !== 'default') ?? ''
  const text = (await stage.admin.sys.policies.read(name)) as string
  policy = { name, text }
  await stage.admin.sys.policies.write(name, 'path "nothing/*" { capabilities = ["read"] }')
}

/** Vault makes a user each time, and the answer that names it never arrives. */
async function loseReplies(times: number): Promise<number> {
  const { vault: session } = stage.service
  const spare = session.lease(session.database({ role: 'temporal-orchestrator' }))
  await spare.ready(AbortSignal.timeout(10_000))
  let told = 0
  const count = (): unknown => (told += 1)
  replyLost.subscribe(count)
  let asked = 0
  vaultWeather({ loseReply: (request) => request.startsWith('GET /v1/database/creds/') })
  try {
    for (; asked < times; asked += 1) await spare.replaceNow('request').catch(() => undefined)
  } finally {
    calm()
    replyLost.unsubscribe(count)
    await spare.close()
  }
  return told
}

const faults: readonly Fault[] = [
  {
    fault: 'max TTL reached with a busy pool and transactions open',
    userSees: 'nothing',
    weDo: 'new user at the truncated renewal, probe, swap, drain, revoke',
    seconds: lives.leaseMaxSeconds + 4,
    inflict: () => undefined,
    proof: () => {
      const database = stage.service.report().rotations.find(({ credential_type }) => credential_type === 'database')
      expect(database?.replacements).toBeGreaterThan(0)
      expect(database?.latest_first_attempt_share ?? 1).toBeLessThan(0.8)
    },
  },
  {
    fault: 'Vault sealed for less than a life, and unsealed',
    userSees: 'KV reads fail with ERR_VAULT_SEALED; queries go on',
    weDo: 'live on what is held, breaker open, renew when it is back',
    seconds: shorterThanALifeSeconds,
    inLife: true,
    inflict: () => stage.vault.seal(),
    undo: () => stage.vault.unseal(),
    mayFail: ['read'],
  },
  {
    fault: 'Vault sealed for longer than a life, and unsealed',
    userSees: 'new connections are refused once the credential has ended',
    weDo: 'hand out nothing that has ended; log in, new user, swap when it is back',
    seconds: longerThanALifeSeconds,
    inflict: () => stage.vault.seal(),
    undo: () => stage.vault.unseal(),
    mayFail: ['query', 'transaction', 'read'],
  },
  {
    fault: 'Vault killed (SIGKILL, raft) and started again',
    userSees: 'KV reads fail; queries go on if it is back within the life',
    weDo: 'as sealed',
    seconds: 0.5,
    inflict: () => stage.vault.stop('crash'),
    undo: () => stage.vault.startAgain(),
    mayFail: ['query', 'transaction', 'read'],
  },
  {
    fault: 'token revoked out of band',
    userSees: 'queries with the dropped user may fail for a moment',
    weDo: 'one look at the token, one login, every lease issued anew',
    seconds: 0,
    inflict: async () => {
      const accessor = stage.service.vault.token.current().accessor
      await stage.admin.request({
        method: 'POST',
        path: 'auth/token/revoke-accessor',
        body: { accessor },
        operation: 'sys',
      })
    },
    mayFail: ['query', 'transaction', 'read'],
  },
  {
    fault: 'lease revoked out of band',
    userSees: 'queries with the dropped user may fail for a moment',
    weDo: 'new user when PostgreSQL or the renewal says that it is gone',
    seconds: 0,
    inflict: () => stage.admin.leases.revokePrefix('database/creds'),
    mayFail: ['query', 'transaction'],
  },
  {
    fault: 'policy taken away and given back',
    userSees: 'KV reads are refused; queries go on within the life',
    weDo: 'keep the token, which is good; try again at the slowest pace',
    seconds: longerThanALifeSeconds,
    inflict: takePolicy,
    undo: () => stage.admin.sys.policies.write(policy.name, policy.text),
    mayFail: ['query', 'transaction', 'read'],
  },
  {
    fault: 'PostgreSQL down at renew and at creds',
    userSees: 'queries fail while it is down',
    weDo: 'do not rotate: the old user is good; back off, renew when it is back',
    seconds: lives.leaseSeconds,
    inflict: () => stage.postgres.stop('immediate'),
    undo: () => stage.postgres.startAgain(),
    mayFail: ['query', 'transaction'],
  },
  {
    fault: 'SPIRE agent killed and started again',
    userSees: 'nothing: SVIDs in hand are good',
    weDo: 'keep the last SVIDs and bundles, connect again with a pause',
    seconds: 3,
    inflict: () => stage.spire.stop('agent', 'crash'),
    undo: () => stage.spire.startAgain('agent'),
    proxy: () => stage.spireProxy,
  },
  {
    fault: 'SPIRE server killed and started again',
    userSees: 'nothing',
    weDo: 'the agent serves what it has; nothing to do',
    seconds: 3,
    inflict: () => stage.spire.stop('server', 'crash'),
    undo: () => stage.spire.startAgain('server'),
    proxy: () => stage.spireProxy,
  },
  {
    fault: 'JWT key of SPIRE rotated, then a login',
    userSees: 'nothing',
    weDo: 'a fresh JWT-SVID at each login; Vault reads the new key',
    seconds: 2,
    inflict: async () => {
      await stage.spire.rotateJwtKey()
      await stage.service.vault.token.replaceNow('request')
    },
  },
  {
    fault: 'partition from Vault shorter than a life',
    userSees: 'KV reads wait; queries go on',
    weDo: 'give attempts up in time for a retry',
    seconds: shorterThanALifeSeconds,
    inLife: true,
    inflict: () => vaultWeather({ swallow: ['up', 'down'] }),
    undo: calm,
    mayFail: ['read'],
  },
  {
    fault: 'partition from Vault longer than a life',
    userSees: 'new connections are refused once the credential has ended',
    weDo: 'hand out nothing that has ended; log in, new user, swap afterwards',
    seconds: longerThanALifeSeconds,
    inflict: () => vaultWeather({ swallow: ['up', 'down'] }),
    undo: calm,
    mayFail: ['query', 'transaction', 'read'],
  },
  {
    fault: 'one-way partition: answers of Vault are lost',
    userSees: 'KV reads wait; queries go on',
    weDo: 'count what may have been done; ask again within the floor rate',
    seconds: shorterThanALifeSeconds,
    inLife: true,
    inflict: () => vaultWeather({ swallow: ['down'] }),
    undo: calm,
    mayFail: ['read'],
  },
  {
    fault: 'slow and sliced answers (400 ms, 7 bytes at a time)',
    userSees: 'nothing, save a transaction that is open at the very end of a max TTL',
    weDo: 'wait',
    seconds: 6,
    inflict: () => vaultWeather({ delayMs: 400, sliceBytes: 7 }),
    undo: calm,
    mayFail: ['transaction'],
  },
  {
    fault: 'connections reset in the middle of a body',
    userSees: 'KV reads fail; queries go on',
    weDo: 'treat a cut answer as none, retry reads',
    seconds: shorterThanALifeSeconds,
    inLife: true,
    inflict: () => vaultWeather({ cutAfterBytes: 40 }),
    undo: calm,
    mayFail: ['read'],
  },
  {
    fault: 'truncated JSON',
    userSees: 'KV reads fail; queries go on',
    weDo: 'ERR_VAULT_BAD_RESPONSE, back off',
    seconds: shorterThanALifeSeconds,
    inLife: true,
    inflict: () => vaultWeather({ answer: () => httpAnswer('200 OK', 'application/json', '{"data":{"da') }),
    undo: calm,
    mayFail: ['read'],
  },
  {
    fault: 'a 200 with HTML from something in between',
    userSees: 'KV reads fail; queries go on',
    weDo: 'ERR_VAULT_BAD_RESPONSE, back off',
    seconds: shorterThanALifeSeconds,
    inLife: true,
    inflict: () => vaultWeather({ answer: () => httpAnswer('200 OK', 'text/html', '<html>Sign in</html>') }),
    undo: calm,
    mayFail: ['read'],
  },
  {
    fault: 'event loop blocked past the deadline of a lease',
    userSees: 'nothing runs while it is blocked; one query may meet an ended user',
    weDo: 'notice the standstill, renew or replace at once',
    seconds: 0,
    // Nothing of this process runs, as if it had been stopped by a signal.
    inflict: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, (lives.leaseSeconds + 1) * 1000),
    mayFail: ['query', 'transaction', 'read'],
  },
]

/** Waits until nothing has failed for a while and every credential is well. @returns the last failure, or `fromMs` */
async function recovered(fromMs: number): Promise<number> {
  const { load, service } = stage
  for (const beganMs = load.now(); load.now() - beganMs < recoveryBoundSeconds * 1000; await pause(0.1)) {
    const failed = load.since(fromMs - 10_000).filter(({ error, toMs }) => error !== undefined && toMs > fromMs)
    const lastMs = Math.max(fromMs, ...failed.map(({ toMs }) => toMs))
    const well = service.report().rotations.every((rotation) => {
      const { state, consecutive_failures, remaining_seconds, ttl_seconds } = rotation
      // What was asked for early in a life and failed is not tried again before its time.
      const hasTime = (remaining_seconds ?? 0) > 0.5 * (ttl_seconds ?? 0)
      return (consecutive_failures === 0 || hasTime) && state !== 'expired' && state !== 'starting'
    })
    if (well && load.now() - Math.max(lastMs, beganMs) > 1500) return lastMs
  }
  const said = stage.log.slice(-15).join('')
  throw new Error(`not recovered within ${recoveryBoundSeconds} s; the log ends with:\n${said}`)
}

async function suffer(row: Fault): Promise<void> {
  const { fault, userSees, weDo, seconds, inflict, undo, mayFail = [], inLife = false, ...more } = row
  const { load } = stage
  const proxy = more.proxy?.() ?? stage.vaultProxy
  // Well before, else what follows proves nothing.
  await recovered(load.now())
  if (inLife) await stage.service.renewAll()
  const beganMs = load.now()
  const requestsBefore = proxy.requests
  await inflict()
  const renewed = inLife ? stage.service.renewAll() : undefined
  await pause(seconds)
  await undo?.()
  const overMs = load.now()
  const requests = proxy.requests - requestsBefore
  await renewed
  const lastFailureMs = await recovered(overMs)
  more.proof?.()
  const entries = load.entries.filter(({ fromMs, toMs }) => toMs >= beganMs && fromMs <= load.now())
  const of = (work: Work) => entries.filter((entry) => entry.work === work)
  const failed = (work: Work) => of(work).filter(({ error }) => error !== undefined)
  const faultSeconds = (overMs - beganMs) / 1000
  rows.push({
    fault,
    userSees,
    weDo,
    queries: of('query').length,
    failedQueries: failed('query').length,
    transactions: of('transaction').length,
    failedTransactions: failed('transaction').length,
    reads: of('read').length,
    failedReads: failed('read').length,
    faultSeconds,
    recoverySeconds: (lastFailureMs - overMs) / 1000,
    requestsPerSecond: requests / Math.max(1, faultSeconds),
  })
  expect(entries.filter(({ error, work }) => error !== undefined && !mayFail.includes(work))).toEqual([])
  expect(requests).toBeLessThan(burst + requestsPerSecond * faultSeconds)
  // A minimum of traffic: with less the cell proves nothing.
  expect(of('query').filter(({ error }) => error === undefined).length).toBeGreaterThan(15)
  secrets.push(stage.service.vault.token.current().token.expose())
}

describeReal('faults on real servers, under load', ['vault', 'spire'], () => {
  showLogsOnFailure(() => [stage?.vault.process, stage?.spire.process('agent'), stage?.spire.process('server')])

  beforeAll(async () => {
    stage = await FaultStage.start()
    await stage.serve()
  })

  afterAll(async () => {
    await stage?.close()
  })

  it.each(faults)('$fault', { timeout: 90_000 }, suffer)

  it('counts and tells each of 100 credentials whose reply was lost', { timeout: 90_000 }, async () => {
    const beganMs = stage.load.now()
    const told = await loseReplies(100)
    expect(told).toBeGreaterThanOrEqual(100)
    const queries = stage.load.since(beganMs).filter(({ work }) => work === 'query')
    const failedQueries = queries.filter(({ error }) => error !== undefined).length
    rows.push({
      ...nothingFailed,
      fault: '100 replies of Vault lost after it had made the user',
      userSees: 'nothing',
      weDo: `count and tell each (${told} told); what nobody holds ends with its token, and at close none is left`,
      queries: queries.length,
      failedQueries,
      faultSeconds: (stage.load.now() - beganMs) / 1000,
    })
    expect(failedQueries).toBe(0)
  })

  it('leaves nothing behind, and told no secret', { timeout: 60_000 }, async () => {
    const { service, load, vault, spire, postgres } = stage
    await recovered(load.now())
    secrets.push((await service.secrets.read('orchestrator/kafka')).get('password').expose())
    const handles = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    await load.stop()
    await service.close()
    expect(await stage.leftBehind()).toEqual({ leases: 0, database_users: 0 })
    expect(stage.log.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([])
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBeLessThanOrEqual(handles)
    const versions = [`HashiCorp Vault ${await vault.version()} (raft)`, `SPIRE ${await spire.version()}`]
    await writeReport('servers', { rows, servers: [...versions, `PostgreSQL ${postgres.version}`] })
  })
})
