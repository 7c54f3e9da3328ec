import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { WorkloadApiClient } from '@chaveiro/spiffe'
import { expect, it } from 'vitest'
import { describeReal } from '../support/real.js'

const command = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'bin', 'chaveiro.js')

interface Running {
  readonly child: ChildProcess
  readonly envFile: string
  readonly env: Readonly<Record<string, string>>
}

/** Starts the stack and reads the env file whose path it prints. */
async function startDev(...args: string[]): Promise<Running> {
  const child = spawn(process.execPath, [command, 'dev', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [envFile] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string]
  const lines = readFileSync(envFile, 'utf8').matchAll(/^export (\w+)='(.*)'$/gm)
  return { child, envFile, env: Object.fromEntries([...lines].map(([, name, value]) => [name, value])) }
}

async function stop({ child, envFile }: Running): Promise<void> {
  child.kill('SIGINT')
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
  expect(existsSync(dirname(envFile)), 'the folder of the stack is removed').toBe(false)
}

async function authMethods({ VAULT_ADDR, VAULT_TOKEN }: Running['env']): Promise<string[]> {
  const answer = await fetch(`${VAULT_ADDR}/v1/sys/auth`, { headers: { 'X-Vault-Token': VAULT_TOKEN ?? '' } })
  return Object.keys(((await answer.json()) as { data: object }).data)
}

it('chaveiro dev: a configured stack, an env file for its owner only, and nothing left after Ctrl-C', async () => {
  const running = await startDev()
  expect(statSync(running.envFile).mode & 0o777).toBe(0o600)
  expect(await authMethods(running.env)).toContain('jwt/')
  await using client = new WorkloadApiClient({ env: running.env })
  const { svids } = await client.fetchX509Context()
  expect(svids[0].id.trustDomain.name).toBe('neural-hive.local')
  await stop(running)
})

it('chaveiro dev --blank: nothing is configured', async () => {
  const running = await startDev('--blank')
  expect(await authMethods(running.env)).not.toContain('jwt/')
  await stop(running)
})

describeReal('chaveiro dev --real', ['vault', 'spire'], () => {
  it('with --blank: Vault and SPIRE with nothing in them, and all that configuring them needs', async () => {
    const running = await startDev('--real', '--blank')
    expect(await authMethods(running.env)).not.toContain('jwt/')
    expect(Object.keys(running.env)).toEqual(
      expect.arrayContaining([
        'SPIRE_SERVER_SOCKET',
        'SPIFFE_ENDPOINT_SOCKET',
        'CHAVEIRO_JWKS_URL',
        'TEMPORAL_DB_ADMIN_PASSWORD',
      ]),
    )
    await stop(running)
  })
})
