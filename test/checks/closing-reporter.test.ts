import { afterEach, describe, expect, it } from 'vitest'
import ClosingReporter from '../../tools/test-run/closing-reporter.js'

interface FakeTest {
  fullName: string
  state: 'passed' | 'failed' | 'skipped'
  meta?: { notRun?: string; suite?: string; servers?: string[] }
  note?: string
}

const moduleOf = (...tests: FakeTest[]) => ({
  relativeModuleId: 'test/a.test.ts',
  errors: () => [],
  children: {
    allTests: () =>
      tests.map(({ fullName, state, meta = {}, note }) => ({
        fullName,
        meta: () => meta,
        result: () => ({ state, note }),
      })),
  },
})

function linesOf(options: { ci?: boolean; failedBefore?: string[] }, ...tests: FakeTest[]): string[] {
  const lines: string[] = []
  const reporter = new ClosingReporter({
    print: (line: string) => lines.push(line),
    ci: false,
    failedBefore: [],
    ...options,
  })
  reporter.onTestRunEnd([moduleOf(...tests)], [])
  return lines
}

const passed: FakeTest = { fullName: 'a', state: 'passed' }

describe('closing lines of a test run', () => {
  const before = process.exitCode
  afterEach(() => {
    process.exitCode = before
  })

  it('ends with the counts alone on a line', () => {
    const lines = linesOf(
      {},
      passed,
      { fullName: 'b', state: 'failed' },
      { fullName: 'c', state: 'skipped', note: 'why' },
    )
    expect(lines.at(-1)).toBe('1 passed, 1 failed, 1 skipped')
    expect(lines).toContain('SKIPPED  c: why')
  })

  it('names the suites that did not run, once each, and why', () => {
    const meta = { notRun: 'no Go', suite: 'Vault' }
    const lines = linesOf(
      {},
      passed,
      { fullName: 'b', state: 'skipped', meta },
      { fullName: 'c', state: 'skipped', meta },
    )
    expect(lines.filter((line) => line.startsWith('NOT RUN'))).toEqual(['NOT RUN  test/a.test.ts > Vault: no Go'])
    expect(lines.at(-1)).toBe('1 passed, 0 failed, 2 skipped')
  })

  it('counts a suite that did not run as failed in CI', () => {
    const meta = { notRun: 'no Go', suite: 'Vault' }
    const lines = linesOf({ ci: true }, passed, { fullName: 'b', state: 'skipped', meta })
    expect(lines.at(-1)).toBe('1 passed, 1 failed, 1 skipped')
    expect(process.exitCode).toBe(1)
  })

  it('counts a failed step before the tests', () => {
    expect(linesOf({ failedBefore: ['build'] }, passed).at(-1)).toBe('1 passed, 1 failed, 0 skipped')
  })

  it('does not call an empty run a success', () => {
    expect(linesOf({}).at(-1)).toBe('0 passed, 1 failed, 0 skipped')
  })

  it('names the versions of the real servers', () => {
    const lines = linesOf({}, { ...passed, meta: { servers: ['Vault 1.21.1', 'SPIRE 1.15.3'] } })
    expect(lines).toContain('Real servers: SPIRE 1.15.3, Vault 1.21.1')
  })
})
