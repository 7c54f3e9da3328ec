/**
 * Thousands of random lives of a service on a virtual clock: the real engine, session and Vault client, over models of
 * Vault and of the pool, under every fault that can be drawn.
 *
 * `SIMULATION_RUNS` sets how many, `SIMULATION_SEED` where the seeds begin: 1, so that a test run repeats itself, or
 * `random` to search. A failure prints the seed that replays it and the smallest schedule that still fails, which
 * belongs into `corpus.json`; `SIMULATION_TRACE=1` prints the events of a life.
 */
import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import corpus from './corpus.json' with { type: 'json' }
import { type Schedule, scheduleOf, shrink } from './schedule.js'
import { live } from './trial.js'

const runs = Number(process.env.SIMULATION_RUNS ?? 10_000)
const wantedSeed = process.env.SIMULATION_SEED ?? '1'
const firstSeed = wantedSeed === 'random' ? randomInt(2 ** 31) : Number(wantedSeed)

/** Branches so rare that a run which never met them proves little. */
const sometimes = [
  'two faults at once',
  'an answer was lost after Vault did the work',
  'a database renewal was truncated',
  'a token renewal was truncated',
  'a database expired in an outage',
  'a token expired in an outage',
  'a lease died with a token that expired',
  'a drain was ended by force',
  'a transaction ended by itself',
  'a transaction was cut at the end of its credential',
  'the database refused a credential',
  'database issue failed: unavailable',
  'database issue failed: unauthorized',
  'database renew failed: unavailable',
  'database renew failed: unauthorized',
  'database renew failed: gone',
  'database revoke failed: unavailable',
  'database probe failed: unavailable',
  'token issue failed: unavailable',
  'token renew failed: unavailable',
  'token renew failed: gone',
  'a database was replaced: gone',
  'a database was replaced: parent',
  'a database was replaced: retry',
  'a database was replaced: request',
  'a token was replaced: truncated',
  'a token was replaced: unauthorized',
]

async function failsAs(candidate: Schedule): Promise<boolean> {
  return (await live(candidate)).violations.length > 0
}

describe('the simulation', () => {
  it.each(corpus as { name: string; schedule: Schedule }[])('what failed once: $name', async ({ schedule }) => {
    expect((await live(schedule)).violations).toEqual([])
  })

  it(`${runs} schedules from seed ${firstSeed} keep every promise, and reach every rare branch`, {
    timeout: 60_000 + runs * 60,
  }, async () => {
    const reached = new Map<string, number>()
    const recoveries: number[] = []
    for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
      const schedule = scheduleOf(seed)
      const { violations, reached: branches, recoverySeconds } = await live(schedule)
      if (violations.length > 0) {
        const smallest = await shrink(schedule, failsAs)
        const { violations: left } = await live(smallest)
        expect.fail(
          `${violations.join('; ')}\nreplay with SIMULATION_SEED=${seed} SIMULATION_RUNS=1\n` +
            `the smallest that fails (${left.join('; ')}):\n${JSON.stringify(smallest)}`,
        )
      }
      for (const branch of branches) reached.set(branch, (reached.get(branch) ?? 0) + 1)
      recoveries.push(recoverySeconds)
    }
    const longest = recoveries.reduce((most, seconds) => Math.max(most, seconds), 0)
    console.log(`longest recovery ${longest.toFixed(1)} s; branches: ${JSON.stringify(Object.fromEntries(reached))}`)
    if (runs >= 1000) expect(sometimes.filter((branch) => !reached.has(branch))).toEqual([])
  })
})
