import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { EmbeddedStack } from '@chaveiro/dev'
import { TrustDomain } from '@chaveiro/spiffe'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { main } from '../../packages/cli/src/main.js'

const sample = await readFile(new URL('../../examples/chaveiro.yaml', import.meta.url), 'utf8')
const manifest = `${sample.slice(0, sample.indexOf('secrets:\n'))}secrets:
  - path: asked/for
    keys: { pin: { prompt: The PIN } }
`

let stack: EmbeddedStack
let vault: VaultClient

beforeAll(async () => {
  const ttls = { x509SvidSeconds: 3600, jwtSvidSeconds: 300 }
  stack = await EmbeddedStack.start({ trustDomain: TrustDomain.parse('neural-hive.local'), ttls })
  vault = new VaultClient({ address: stack.vault.address, token: () => stack.vault.rootToken })
})

afterAll(async () => {
  await vault?.close()
  await stack?.close()
})

/** A person at a terminal: sees a question, types the answer to it. */
async function atTerminal(answers: readonly (readonly [question: string, keys: string])[]) {
  const folder = await mkdtemp(join(tmpdir(), 'chaveiro-asking-'))
  const file = join(folder, 'chaveiro.yaml')
  await writeFile(file, manifest)
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin })
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 40 })
  const stdout = new PassThrough()
  let printed = ''
  let left = answers
  stdout.on('data', (chunk) => {
    printed += chunk
  })
  stderr.on('data', (chunk) => {
    printed += chunk
    const [next] = left
    if (next && printed.includes(next[0])) {
      left = left.slice(1)
      setImmediate(() => stdin.write(next[1]))
    }
  })
  const env = { VAULT_ADDR: stack.vault.address, VAULT_TOKEN: stack.vault.rootToken.expose(), NO_COLOR: '1' }
  try {
    const args = ['apply', '--only', 'secrets', '-f', file]
    const code = await main(args, { stdin, stdout, stderr, env, stop: new AbortController().signal })
    return { code, printed }
  } finally {
    await rm(folder, { recursive: true })
  }
}

it('changes nothing when the answer is no', async () => {
  const { code, printed } = await atTerminal([['Make these', 'n']])
  expect(printed).toContain('nothing was changed')
  expect(code).toBe(1)
  expect(await vault.kv('secret').list()).toEqual([])
})

it('asks for a value without an echo, and writes it when the answer is yes', async () => {
  const { code, printed } = await atTerminal([
    ['Make these', 'y'],
    ['The PIN', 'typed-by-hand\r'],
  ])
  expect(printed).not.toContain('typed-by-hand')
  expect(code).toBe(0)
  expect((await vault.kv('secret').read('asked/for')).data).toEqual({ pin: 'typed-by-hand' })
})
