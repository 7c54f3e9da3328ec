import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createDatabase, databaseVariables, leftBehind, RealStack, sampleServices, sampleValues } from '@chaveiro/dev'
import { TrustDomain } from '@chaveiro/spiffe'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Ran, run } from '../../packages/cli/test/terminal.js'
import { describeReal } from '../support/real.js'

const base = await readFile(new URL('../../examples/chaveiro.yaml', import.meta.url), 'utf8')

const extra = Array.from({length: 197}, (_, i) => `  - { name: w${i}, id: spiffe://neural-hive.local/ns/x/sa/w${i}, selectors: [unix:uid:${70000 + i}], kv: { read: [w${i}/*] } }`).join('\n')
const sample = base.replace('\nsecrets:', `\n${extra}\n\nsecrets:`)
interface Result {
  readonly code: string
  readonly status: string
  readonly cause: string | null
  readonly cure: string | null
  readonly because_of: readonly string[]
}

describeReal('validate on Vault, SPIRE and PostgreSQL', ['vault', 'spire'], () => {
  let stack: RealStack
  let vault: VaultClient
  let env: Record<string, string>
  const planted: string[] = []

  beforeAll(async () => {
    const ttls = { x509SvidSeconds: 3600, jwtSvidSeconds: 300 }
    stack = await RealStack.start({ trustDomain: TrustDomain.parse('neural-hive.local'), ttls, reads: [] })
    await createDatabase(stack)
    vault = new VaultClient({ address: stack.vault.address, token: () => stack.vault.rootToken })
    const secrets = Object.entries(sampleValues(stack)).map(([name, secret]) => [name, secret.expose()] as const)
    env = {
      VAULT_ADDR: stack.vault.address,
      VAULT_TOKEN: stack.vault.rootToken.expose(),
      CHAVEIRO_JWKS_URL: stack.jwksUrl,
      ...databaseVariables(stack),
      ...stack.env,
      ...(await stack.entryVariables(sampleServices.map(({ name }) => name))),
      ...Object.fromEntries(secrets),
    }
    planted.push(
      stack.vault.rootToken.expose(),
      ...secrets.map(([, value]) => value).filter((each) => each.length > 12),
    )
    expect(await chaveiro(['apply', '--yes'])).toMatchObject({ code: 0 })
  })

  afterAll(async () => {
    await vault?.close()
    await stack?.close()
  })

  async function chaveiro(args: string[], changed: Record<string, string> = {}): Promise<Ran> {
    const ran = await run([...args, '-f', '-'], { stdin: sample, env: { ...env, ...changed } })
    for (const secret of planted) expect(ran.stdout + ran.stderr).not.toContain(secret)
    return ran
  }

  async function results(args: string[] = [], changed?: Record<string, string>) {
    const { code, stdout } = await chaveiro(['validate', '-o', 'json', ...args], changed)
    const { checks } = JSON.parse(stdout) as { checks: Result[] }
    return { code, of: (check: string) => checks.find((each) => each.code === check) as Result, checks }
  }

  it('times', async () => {
    const t = Date.now()
    const { stdout, code } = await chaveiro(['validate', '-v'])
    console.log(stdout, code, Date.now() - t)
    const u = Date.now()
    const w = await chaveiro(['why', 'w100', 'secret/w100/x'])
    console.log(w.stdout, w.code, Date.now() - u)
    console.log(await leftBehind(stack))
  })
})
