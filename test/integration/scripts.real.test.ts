import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type DevStack, leftBehind, SamplePlatform, sampleFiles, startDevStack } from '@chaveiro/dev'
import { sleep, systemClock } from '@chaveiro/rotation'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeReal } from '../support/real.js'

const root = join(import.meta.dirname, '..', '..')
const scripts = ['vault-configure-policies.sh', 'vault-populate-secrets.sh', 'spire-create-entries.sh']

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a line in a shell that knows nothing but what it is given. */
async function shell(line: string, env: Record<string, string> = {}): Promise<Ran> {
  const own = { PATH: process.env.PATH ?? '', ...env }
  try {
    const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', line], { cwd: root, env: own })
    return { code: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as Ran
    return { code, stdout, stderr }
  }
}

describe.each(scripts)('%s', (script) => {
  it('has help with its exit codes', async () => {
    const { code, stdout } = await shell(`scripts/${script} --help`)
    expect(code).toBe(0)
    for (const part of ['Usage: ', 'DRY_RUN', 'Exit codes']) expect(stdout).toContain(part)
  })

  it.each([
    { name: 'an unknown argument', line: '--frobnicate', says: '--frobnicate' },
    { name: 'a file that is not there', line: '-f /nowhere.yaml', says: '/nowhere.yaml' },
    { name: 'a missing file name', line: '-f', says: '-f needs a file' },
  ])('answers $name with exit code 2', async ({ line, says }) => {
    const { code, stderr } = await shell(`scripts/${script} ${line}`)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })

  it('passes shellcheck, where there is one', async () => {
    const { code, stdout } = await shell(
      `command -v shellcheck || exit 0; shellcheck -x scripts/${script} scripts/lib/*.sh`,
    )
    expect(stdout.replace(/^.*shellcheck\n/, '')).toBe('')
    expect(code).toBe(0)
  })
})

describeReal("the operators' scripts on a blank stack", ['vault', 'spire'], () => {
  let dev: DevStack
  let secrets: string[]

  beforeAll(async () => {
    dev = await startDevStack({ real: true, blank: true, note: () => {} })
    const lines = (await readFile(dev.envFile, 'utf8')).split('\n')
    secrets = lines.flatMap(
      (line) => /^export (?:VAULT_TOKEN|PG|\w*_(?:PASSWORD|URI))\w*='(.{12,})'$/.exec(line)?.[1] ?? [],
    )
    expect(secrets.length).toBeGreaterThanOrEqual(4)
  })

  afterAll(async () => {
    await dev?.[Symbol.asyncDispose]()
  })

  async function script(name: string, env: Record<string, string> = {}): Promise<Ran> {
    const ran = await shell(`set -a; source ${dev.envFile}; exec scripts/${name}`, env)
    for (const secret of secrets) expect(ran.stdout + ran.stderr).not.toContain(secret)
    return ran
  }

  it.each(scripts)('%s with DRY_RUN=true shows what it would do, and does nothing', async (name) => {
    for (const _time of [1, 2]) {
      const { code, stdout, stderr } = await script(name, { DRY_RUN: 'true' })
      expect(stdout).toMatch(/Plan: [1-9]\d* to create, 0 to change, 0 to delete/)
      expect(stderr).toMatch(/^running: chaveiro apply --only \S+ --dry-run/)
      expect(code).toBe(0)
    }
  })

  it.each(scripts)('%s does it without asking, and nothing the second time', async (name) => {
    const first = await script(name)
    expect(first.stdout).toContain('failed 0, not started 0')
    expect(first.code).toBe(0)
    const second = await script(name)
    expect(second.stdout).toMatch(/^No changes\./)
    expect(second.code).toBe(0)
  })

  it('leave a stack on which the sample platform works, and is refused nothing but the intruder', async () => {
    const files = sampleFiles()
    const before = await leftBehind(dev.stack)
    await using platform = await SamplePlatform.start({ stack: dev.stack, script: files.script })
    for (let waited = 0; waited < 100 && !works(platform); waited += 1) await sleep(systemClock, 100)
    expect(works(platform)).toBe(true)
    expect(platform.casualties).toEqual([])
    await platform.close()
    expect(await leftBehind(dev.stack)).toEqual(before)
  })
})

function works(platform: SamplePlatform): boolean {
  const { queries, calls } = platform.view()
  return queries.done > 5 && queries.failed === 0 && calls.accepted > 2 && calls.refusedAsExpected > 0
}
