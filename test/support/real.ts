/**
 * Suites that need real servers. Where one cannot be had, the suite is listed as not run, with the reason, at the
 * end of the run; with `CI=true` that fails the run.
 * @module
 */
import { type RealServerName, realServerStates } from '@chaveiro/dev'
import { beforeEach, describe } from 'vitest'

declare module 'vitest' {
  /** Read by `tools/test-run/closing-reporter.js`. */
  interface TaskMeta {
    /** Why the test's suite did not run. */
    notRun?: string
    /** The suite, as the list of what did not run names it. */
    suite?: string
    /** The real servers that the test runs on, with their versions. */
    servers?: string[]
  }
}

const states = await realServerStates()

/** Registers a suite that runs on these real servers, or is listed as not run. */
export function describeReal(name: string, servers: readonly RealServerName[], body: () => void): void {
  const missing = servers.flatMap((server) => {
    const state = states[server]
    return state.available ? [] : [`${state.title} ${state.version}: ${state.reason} (cure: ${state.cure})`]
  })
  if (missing.length > 0) {
    describe(name, { skip: true, meta: { suite: name, notRun: missing.join('; ') } }, body)
  } else {
    const versions = servers.map((server) => `${states[server].title} ${states[server].version}`)
    describe(name, { meta: { servers: versions } }, body)
  }
}

/** Prints the end of these servers' logs when a test of the suite fails. Called where `beforeEach` could be. */
export function showLogsOnFailure(servers: () => readonly ({ name: string; logTail(): string } | undefined)[]): void {
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => {
      for (const server of servers()) {
        if (server) console.error(`── the end of the log of ${server.name}\n${server.logTail()}`)
      }
    })
  })
}
