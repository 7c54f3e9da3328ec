import { type Check, checkCatalogue, Inspection, runChecks, selectChecks, verdictOf } from '@chaveiro/operations'
import { FakeClock } from '@chaveiro/rotation/testing'
import { describe, expect, it } from 'vitest'

const inspect = () => new Inspection({} as never)
const fine = { status: 'ok', evidence: 'seen' } as const
const bad = { status: 'failed', reason: 'state', cause: 'not so', cure: 'make it so' } as const

function check(code: string, look: Check['look'], needs: string[] = []): Check {
  return { code, group: 'vault', state: `${code} holds`, needs, look }
}

describe('runChecks', () => {
  it('skips what depends on a check that did not hold, and goes on with what does not', async () => {
    const results = await runChecks(
      [
        check('A', async () => bad),
        check('B', async () => fine, ['A']),
        check('C', async () => fine, ['B']),
        check('D', async () => fine),
      ],
      inspect,
    )
    expect(results.map(({ code, status, because_of }) => [code, status, because_of])).toEqual([
      ['A', 'failed', []],
      ['B', 'skipped', ['A']],
      ['C', 'skipped', ['B']],
      ['D', 'ok', []],
    ])
  })

  it.each([
    { name: 'a defect', error: new TypeError('undefined is not a function'), status: 'failed', reason: 'state' },
    { name: 'no right', error: coded('ERR_VAULT_PERMISSION_DENIED'), status: 'unknown', reason: 'denied' },
    { name: 'no server', error: coded('ERR_VAULT_UNREACHABLE'), status: 'failed', reason: 'unreachable' },
    { name: 'a login refused', error: coded('ERR_VAULT_LOGIN_FAILED'), status: 'failed', reason: 'state' },
    { name: 'something not set', error: coded('ERR_PLAN_INPUT_MISSING'), status: 'unknown', reason: 'input' },
  ])('takes what a check throws as a finding: $name', async ({ error, status, reason }) => {
    const results = await runChecks([check('A', () => Promise.reject(error))], inspect)
    expect(results).toMatchObject([{ status, reason, cause: error.message }])
  })

  it('does not wait for a check that never ends', async () => {
    const clock = new FakeClock()
    const running = runChecks([check('A', () => new Promise(() => {}))], inspect, { clock, checkTimeoutMs: 1000 })
    await clock.advance(1000)
    expect(await running).toMatchObject([{ status: 'failed', reason: 'unreachable' }])
    expect(clock.pendingTimers).toBe(0)
  })

  it('tries again what does not hold until it does, and leaves alone what held', async () => {
    const clock = new FakeClock()
    const counts = { held: 0, comes: 0 }
    const told: string[] = []
    const checks = [
      check('A', async () => {
        counts.held += 1
        return fine
      }),
      check('B', async () => {
        counts.comes += 1
        return counts.comes < 3 ? bad : fine
      }),
    ]
    const onProgress = (progress: { kind: string }): void => void told.push(progress.kind)
    const running = runChecks(checks, inspect, { clock, waitMs: 60_000, onProgress })
    await clock.advance(60_000)
    expect((await running).map(({ status }) => status)).toEqual(['ok', 'ok'])
    expect(counts).toEqual({ held: 1, comes: 3 })
    expect(told.filter((kind) => kind === 'waiting')).toHaveLength(2)
  })

  it('gives up when the time to wait is over, and does not wait for a right that is missing', async () => {
    const clock = new FakeClock()
    const running = runChecks([check('A', async () => bad)], inspect, { clock, waitMs: 5000 })
    await clock.advance(5000)
    expect(await running).toMatchObject([{ status: 'failed' }])
    const denied = { status: 'unknown', reason: 'denied', cause: 'no right', cure: 'add it' } as const
    const results = await runChecks([check('A', async () => denied)], inspect, { clock, waitMs: 5000 })
    expect(results).toMatchObject([{ status: 'unknown' }])
  })

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController()
    const running = runChecks([check('A', async () => bad)], inspect, {
      clock: new FakeClock(),
      waitMs: 5000,
      signal: stop.signal,
    })
    stop.abort(new Error('stopped'))
    await expect(running).rejects.toThrow('stopped')
  })
})

describe('verdictOf', () => {
  const result = (
    status: 'ok' | 'warning' | 'failed' | 'unknown' | 'skipped',
    reason: 'state' | 'unreachable' | 'denied' | 'input' | null = null,
  ) => ({ status, reason })
  it.each([
    { name: 'all hold', results: [result('ok')], want: 0, strict: 0 },
    { name: 'a warning', results: [result('ok'), result('warning', 'state')], want: 0, strict: 0 },
    { name: 'a failure', results: [result('ok'), result('failed', 'state')], want: 1, strict: 1 },
    { name: 'no server', results: [result('failed', 'unreachable'), result('skipped')], want: 3, strict: 3 },
    { name: 'no such token', results: [result('failed', 'denied')], want: 4, strict: 4 },
    { name: 'could not tell', results: [result('ok'), result('unknown', 'input')], want: 0, strict: 1 },
    { name: 'no right to look', results: [result('unknown', 'denied'), result('skipped')], want: 0, strict: 4 },
    {
      name: 'a failure beside a doubt',
      results: [result('unknown', 'denied'), result('failed', 'state')],
      want: 1,
      strict: 1,
    },
    { name: 'nothing looked at', results: [], want: 1, strict: 1 },
  ])('$name', ({ results, want, strict }) => {
    expect(verdictOf(results)).toBe(want)
    expect(verdictOf(results, { strict: true })).toBe(strict)
  })
})

describe('the catalogue', () => {
  it('has a code of its own for each check, and depends only on what comes before', () => {
    const seen = new Set<string>()
    for (const { code, needs } of checkCatalogue) {
      expect(code).toMatch(/^CHV\d{4}$/)
      expect(seen).not.toContain(code)
      for (const need of needs) expect(seen).toContain(need)
      seen.add(code)
    }
  })

  it('adds to a group what it depends on', () => {
    const groups = new Set(selectChecks(['login']).map(({ group }) => group))
    expect(groups).toEqual(new Set(['vault', 'auth', 'spire', 'login']))
    expect(selectChecks([])).toEqual(checkCatalogue)
  })
})

function coded(code: string): Error {
  return Object.assign(new Error(code), { code })
}
