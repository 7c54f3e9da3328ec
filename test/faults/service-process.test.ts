/**
 * Faults of the service's own process: stopped and continued past every deadline, told to end in the middle of a
 * rotation, killed and started again. The servers are real.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sleep, systemClock } from '@chaveiro/rotation'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeReal, showLogsOnFailure } from '../support/real.js'
import { type FaultRow, nothingFailed, writeReport } from './fault-report.js'
import { FaultStage } from './fault-stage.js'
import { lives } from './lives.js'

const script = join(import.meta.dirname, '..', 'support', 'query-all-the-time.js')
const startBoundSeconds = 30
const recoveryBoundSeconds = 20

interface Query {
  readonly atMs: number
  readonly error: string | null
}

let stage: FaultStage
const rows: FaultRow[] = []
const running = new Set<Service>()

class Service {
  readonly queries: Query[] = []
  readonly lines: string[] = []
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown[]>

  constructor() {
    const env = { PATH: process.env.PATH ?? '', ...stage.env }
    this.#child = spawn(process.execPath, [script], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#ended = once(this.#child, 'exit')
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#read(line))
    }
    running.add(this)
  }

  #read(line: string): void {
    this.lines.push(line)
    if (!line.includes('"sample_query"')) return
    this.queries.push({ atMs: systemClock.monotonicMs(), error: (JSON.parse(line) as Query).error })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  counts(sinceMs: number): { queries: number; failedQueries: number } {
    const queries = this.queries.filter(({ atMs }) => atMs >= sinceMs)
    return { queries: queries.length, failedQueries: queries.filter(({ error }) => error !== null).length }
  }

  /** @returns exit code, or the signal that ended it */
  async ended(): Promise<unknown> {
    const [code, signal] = await this.#ended
    running.delete(this)
    return code ?? signal
  }

  /** Waits until `count` queries in a row have worked. @returns when the first of them ended */
  async works(count = 10, boundSeconds = recoveryBoundSeconds): Promise<number> {
    const fromMs = systemClock.monotonicMs()
    while (systemClock.monotonicMs() - fromMs < boundSeconds * 1000) {
      const recent = this.queries.filter(({ atMs }) => atMs >= fromMs).slice(-count)
      if (recent.length === count && recent.every(({ error }) => error === null)) return recent[0]?.atMs ?? fromMs
      await sleep(systemClock, 100)
    }
    throw new Error(`no ${count} queries in a row worked; it said:\n${this.lines.slice(-15).join('\n')}`)
  }
}

/** Vault's own lives end what a killed process held; it looks every second. */
async function leftAfter(seconds: number): Promise<{ leases: number; database_users: number }> {
  for (let waited = 0; ; waited += 1) {
    const left = await stage.leftBehind()
    if (waited >= seconds || (left.leases === 0 && left.database_users === 0)) return left
    await sleep(systemClock, 1000)
  }
}

describeReal("faults of the service's own process", ['vault', 'spire'], () => {
  showLogsOnFailure(() => [stage?.vault.process])

  beforeAll(async () => {
    stage = await FaultStage.start()
  })

  afterAll(async () => {
    await writeReport('process', { rows, servers: [] })
    for (const service of running) service.signal('SIGKILL')
    await stage?.close()
  })

  it('stopped past every deadline and continued: goes on by itself', { timeout: 120_000 }, async () => {
    const service = new Service()
    await service.works(10, startBoundSeconds)
    service.signal('SIGSTOP')
    await sleep(systemClock, (lives.tokenSeconds + 2) * 1000)
    const continuedMs = systemClock.monotonicMs()
    service.signal('SIGCONT')
    const recoverySeconds = ((await service.works(20)) - continuedMs) / 1000
    expect(recoverySeconds).toBeLessThan(recoveryBoundSeconds)
    rows.push({
      ...nothingFailed,
      fault: 'process stopped and continued (SIGSTOP, SIGCONT) past every deadline',
      userSees: 'nothing runs meanwhile; then a few queries find no credential',
      weDo: 'notice the standstill, hand out nothing that has ended, log in, new user, swap',
      ...service.counts(continuedMs),
      faultSeconds: lives.tokenSeconds + 2,
      recoverySeconds,
    })
    service.signal('SIGTERM')
    expect(await service.ended()).toBe(0)
    expect(await leftAfter(3)).toEqual({ leases: 0, database_users: 0 })
  })

  it('told to end in the middle of a rotation: revokes both credentials', { timeout: 90_000 }, async () => {
    const service = new Service()
    await service.works(10, startBoundSeconds)
    const beganMs = systemClock.monotonicMs()
    service.signal('SIGHUP')
    service.signal('SIGTERM')
    expect(await service.ended()).toBe(0)
    const faultSeconds = (systemClock.monotonicMs() - beganMs) / 1000
    expect(await leftAfter(1)).toEqual({ leases: 0, database_users: 0 })
    rows.push({
      ...nothingFailed,
      fault: 'SIGTERM in the middle of a rotation',
      userSees: 'an orderly end, exit code 0',
      weDo: 'end what is under way, revoke what is held and what still arrives',
      ...service.counts(beganMs),
      faultSeconds,
    })
  })

  it('killed and started again: works at once, and what was held ends by its TTL', { timeout: 120_000 }, async () => {
    const killed = new Service()
    await killed.works(10, startBoundSeconds)
    killed.signal('SIGKILL')
    expect(await killed.ended()).toBe('SIGKILL')
    const killedMs = systemClock.monotonicMs()
    const next = new Service()
    const worksMs = await next.works(10, startBoundSeconds)
    next.signal('SIGTERM')
    expect(await next.ended()).toBe(0)
    expect(await leftAfter(lives.tokenSeconds + 10)).toEqual({ leases: 0, database_users: 0 })
    rows.push({
      ...nothingFailed,
      fault: 'SIGKILL and start again',
      userSees: 'the start of a process',
      weDo: 'nothing to resume: a login, a new user; what the killed one held ends by its TTL',
      ...next.counts(killedMs),
      faultSeconds: 0,
      recoverySeconds: (worksMs - killedMs) / 1000,
    })
  })
})
