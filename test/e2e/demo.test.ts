import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DemoSummary } from '@chaveiro/dev'
import { expect, it } from 'vitest'
import { describeReal } from '../support/real.js'

const root = join(import.meta.dirname, '..', '..')
const command = join(root, 'packages', 'cli', 'bin', 'chaveiro.js')

interface Ran {
  readonly code: number
  readonly summary: DemoSummary
  readonly stderr: string
}

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end and gathers what it printed. */
async function finish(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  return { code: code as number, stdout, stderr }
}

/** Runs the demo as a user does. */
async function demo(...args: string[]): Promise<Ran> {
  const { code, stdout, stderr } = await finish('npm', ['start', '--silent', '--', ...args])
  if (!stdout) throw new Error(`the demo printed no summary and ended with ${code}:\n${stderr}`)
  return { code, summary: JSON.parse(stdout) as DemoSummary, stderr }
}

/** What the demo must have shown, whichever servers it ran on. */
function expectGood({ code, summary, stderr }: Ran): void {
  expect(summary.problems, stderr).toEqual([])
  expect(code).toBe(0)
  expect(summary.ok).toBe(true)
  expect(summary.queries.done).toBeGreaterThan(100)
  expect(summary.calls.refused_as_expected).toBeGreaterThanOrEqual(3)
  expect(summary.left_behind).toEqual({ leases: 0, database_users: 0 })
  expect(summary.latest_renewal_fraction).toBeLessThanOrEqual(0.8)
  expect(summary.renewals.token).toBeGreaterThanOrEqual(3)
  expect(summary.renewals.database).toBeGreaterThanOrEqual(4)
  expect(summary.replacements.database).toBeGreaterThanOrEqual(1)
}

it('does the main job on the embedded stack for a minute', { timeout: 150_000 }, async () => {
  const ran = await demo('--for', '60s')
  expectGood(ran)
  expect(ran.summary.servers).toContainEqual(expect.objectContaining({ name: expect.stringContaining('embedded') }))
})

it('says what is missing, and what to do, when the real servers have not been built', async () => {
  const env = { ...process.env, CHAVEIRO_CACHE_DIR: join(tmpdir(), 'chaveiro-no-servers-here') }
  const { code, stdout, stderr } = await finish(process.execPath, [command, 'demo', '--real', '--for', '5s'], env)
  expect(stderr).toContain('npm run servers')
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

describeReal('the main job on Vault, SPIRE and PostgreSQL', ['vault', 'spire'], () => {
  it('runs for a minute and a half', { timeout: 200_000 }, async () => {
    const ran = await demo('--real', '--for', '90s')
    expectGood(ran)
    expect(ran.summary.servers.map(({ name }) => name)).toEqual(['HashiCorp Vault', 'SPIRE', 'PostgreSQL'])
  })
})
