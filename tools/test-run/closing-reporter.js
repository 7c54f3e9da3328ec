/**
 * Ends a test run with what a reader needs last: which suites did not run and why, the reason of every skipped
 * test, the versions of the real servers, and one plain line of counts.
 * @module
 */

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

export default class ClosingReporter {
  /** @param {{ print?: (line: string) => void, ci?: boolean, failedBefore?: string[] }} [options] */
  constructor({ print = console.log, ci = process.env.CI === 'true', failedBefore = failedSteps() } = {}) {
    this.print = print
    this.ci = ci
    this.failedBefore = failedBefore
  }

  /** Called by the test runner when all is done. */
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    const notRun = new Map()
    const skipped = []
    const servers = new Set()
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed += 1
      for (const test of module.children.allTests()) {
        const state = test.result().state
        counts[state === 'passed' || state === 'failed' ? state : 'skipped'] += 1
        const meta = test.meta()
        for (const server of meta.servers ?? []) servers.add(server)
        if (meta.notRun) notRun.set(`${module.relativeModuleId} > ${meta.suite ?? test.fullName}`, meta.notRun)
        else if (state === 'skipped') skipped.push(`${test.fullName}: ${test.result().note ?? 'no reason given'}`)
      }
    }
    this.#close(counts, notRun, skipped, servers)
  }

  #close(counts, notRun, skipped, servers) {
    const { print } = this
    print('')
    if (servers.size > 0) print(`Real servers: ${[...servers].sort().join(', ')}`)
    for (const [suite, reason] of notRun) print(`NOT RUN  ${suite}: ${reason}`)
    for (const line of skipped) print(`SKIPPED  ${line}`)
    for (const step of this.failedBefore) print(`FAILED   ${step}`)
    counts.failed += this.failedBefore.length
    if (notRun.size > 0 && this.ci) {
      print(`FAILED   ${notRun.size} suites did not run, which CI=true does not accept`)
      counts.failed += notRun.size
    }
    if (counts.passed === 0) {
      print('FAILED   no test passed')
      counts.failed += 1
    }
    if (counts.failed > 0) process.exitCode = 1
    print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  }
}

/** Steps before the tests (build, checks) that `tools/test.js` saw fail. */
function failedSteps() {
  return (process.env.CHAVEIRO_TEST_FAILED_STEPS ?? '').split('\n').filter(Boolean)
}
