import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { run } from './terminal.js'

const sample = readFileSync(new URL('../../../examples/chaveiro.yaml', import.meta.url), 'utf8')
const plan = (args: string[], { stdin = sample, env = {} } = {}) => run(['plan', '-f', '-', ...args], { stdin, env })
const vault = { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'planted-token-value' }

describe('chaveiro plan and apply', () => {
  it.each(['plan', 'apply'])('%s has help with examples', async (command) => {
    const { code, stdout } = await run([command, '--help'])
    expect(code).toBe(0)
    for (const part of ['--only', '--adopt', '--prune', '--replace', '--emit', 'Examples:'])
      expect(stdout).toContain(part)
  })

  it.each([
    { name: 'an unknown part', args: ['--only', 'policy'], env: vault, says: 'policies, database, secrets, entries' },
    { name: 'no address of Vault', args: [], env: {}, says: 'VAULT_ADDR' },
    { name: 'no token', args: [], env: { VAULT_ADDR: 'http://127.0.0.1:1' }, says: 'VAULT_TOKEN' },
    { name: 'no place of the keys', args: ['--only', 'policies'], env: vault, says: 'CHAVEIRO_JWKS_URL' },
    { name: 'no parent of entries', args: ['--only', 'entries'], env: {}, says: 'CHAVEIRO_SPIRE_PARENT' },
  ])('answers $name with exit code 2 and what is missing', async ({ args, env, says }) => {
    const { code, stdout, stderr } = await plan(args, { env })
    expect(stderr).toContain(says)
    expect(stderr + stdout).not.toContain('planted-token-value')
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })

  it('tells every problem of a manifest, each with file, line and column', async () => {
    const stdin = sample.replace('calls: [service-registry]', 'call: [x]').replace('maxTtl: 24h }', 'maxTtl: 24 }')
    const { code, stderr } = await plan([], { stdin, env: vault })
    expect(code).toBe(2)
    expect(stderr.match(/-:\d+:\d+ /g)).toHaveLength(2)
  })

  it('answers a manifest that is not there with exit code 2', async () => {
    const { code, stderr } = await run(['plan'], { env: { CHAVEIRO_MANIFEST: '/nowhere.yaml' } })
    expect(code).toBe(2)
    expect(stderr).toContain('/nowhere.yaml')
  })

  it.each(['plan', 'apply'])('%s --emit kubernetes prints manifests and asks no server', async (command) => {
    const { code, stdout } = await run([command, '-f', '-', '--emit', 'kubernetes'], { stdin: sample })
    expect(code).toBe(0)
    expect(parseAllDocuments(stdout).map((document) => document.toJS().kind)).toEqual(Array(3).fill('ClusterSPIFFEID'))
  })

  it('is exit code 3 when Vault or SPIRE cannot be reached', async () => {
    const keys = { CHAVEIRO_JWKS_URL: 'http://127.0.0.1:1/keys' }
    expect(await plan(['--only', 'policies'], { env: { ...vault, ...keys } })).toMatchObject({ code: 3, stdout: '' })
    const spire = { SPIRE_SERVER_SOCKET: '/nowhere.sock', CHAVEIRO_SPIRE_PARENT: 'spiffe://neural-hive.local/agent' }
    expect(await plan(['--only', 'entries'], { env: spire })).toMatchObject({ code: 3, stdout: '' })
  })
})
