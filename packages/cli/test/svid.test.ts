import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DevAuthority, DevWorkloadApi } from '@chaveiro/dev'
import { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from './terminal.js'

const trustDomain = TrustDomain.parse('neural-hive.local')
const id = SpiffeId.of(trustDomain, '/ns/a/sa/b')
let folder: string
let endpoint: string
let api: DevWorkloadApi
let authority: DevAuthority
const file = (name: string): string => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chaveiro-svid-'))
  authority = await DevAuthority.create({ trustDomain })
  api = await DevWorkloadApi.start({ authority, folder: file('id') })
  endpoint = await api.addWorkload({ id, socketName: 'b.sock' })
  await writeFile(file('keys.json'), authority.jwks())
  await writeFile(file('empty'), '')
  const fetched = await run(['svid', 'fetch', '--endpoint', endpoint, '--write', file('out')])
  expect(fetched, fetched.stderr).toMatchObject({ code: 0 })
})

afterAll(async () => {
  await api?.close()
  await rm(folder, { recursive: true, force: true })
})

const bundle = (name: string): string => `neural-hive.local=${file(name)}`

describe('chaveiro svid fetch', () => {
  it('writes chain, key and bundle for its owner only', async () => {
    for (const name of ['svid.pem', 'key.pem', 'bundle.pem']) {
      expect((await stat(file(`out/${name}`))).mode & 0o777, name).toBe(0o600)
    }
  })

  it('prints who this process is, and no key', async () => {
    const { code, stdout } = await run(['svid', 'fetch', '-o', 'json'], { env: { SPIFFE_ENDPOINT_SOCKET: endpoint } })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual([expect.objectContaining({ spiffe_id: id.toString() })])
    expect(stdout).not.toContain('PRIVATE')
  })

  it('prints a JWT-SVID only when told to, and it is valid', async () => {
    const args = ['svid', 'fetch', '--jwt', '--audience', 'peer', '--endpoint', endpoint]
    const quiet = await run(args)
    expect(quiet.stdout).not.toContain('eyJ')
    const { stdout: token } = await run([...args, '--write', '-'])
    const judged = await run(
      ['svid', 'validate', '--jwt', '-', '--audience', 'peer', '--bundle', bundle('keys.json')],
      { stdin: token },
    )
    expect(judged).toMatchObject({ code: 0, stdout: expect.stringContaining(id.toString()) })
  })

  it.each([
    { name: 'no endpoint at all', args: [], code: 2, says: 'SPIFFE_ENDPOINT_SOCKET' },
    { name: 'an endpoint of the wrong form', args: ['--endpoint', 'unix://run/a.sock'], code: 2, says: 'unix:///' },
    { name: 'a socket that is not there', args: ['--endpoint', 'unix:///nowhere/a.sock'], code: 3, says: 'next:' },
    { name: 'a JWT without an audience', args: ['--jwt'], code: 2, says: '--audience' },
  ])('ends with $code for $name', async ({ args, code, says }) => {
    const ran = await run(['svid', 'fetch', ...args])
    expect(ran.stderr).toContain(says)
    expect(ran.code).toBe(code)
  })
})

describe('chaveiro svid inspect', () => {
  it('tells that chain and key are a whole SVID', async () => {
    const { code, stdout } = await run([
      'svid',
      'inspect',
      '-o',
      'json',
      '--x509',
      file('out/svid.pem'),
      '--key',
      file('out/key.pem'),
    ])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ spiffe_id: id.toString(), whole: true })
  })

  it('says that it verified nothing', async () => {
    const token = await authority.issueJwt(id, ['peer'])
    const { stdout } = await run(['svid', 'inspect', '-o', 'json', '--jwt', '-'], { stdin: token })
    expect(JSON.parse(stdout)).toMatchObject({ spiffe_id: id.toString(), audience: ['peer'], verified: false })
  })
})

describe('chaveiro svid validate', () => {
  it('accepts what a peer would accept', async () => {
    const ran = await run([
      'svid',
      'validate',
      '--x509',
      file('out/svid.pem'),
      '--bundle',
      bundle('out/bundle.pem'),
      '-o',
      'json',
    ])
    expect(ran.code, ran.stderr).toBe(0)
    expect(JSON.parse(ran.stdout)).toMatchObject({ valid: true, spiffe_id: id.toString() })
  })

  it.each([
    { name: 'after its end', at: () => String(Math.floor(Date.now() / 1000) + 7200), code: 1 },
    { name: 'before its beginning', at: () => '2001-01-01T00:00:00Z', code: 1 },
    { name: 'now, in ISO 8601', at: () => new Date().toISOString(), code: 0 },
    { name: 'at no time at all', at: () => 'yesterday', code: 2 },
  ])('judges $name', async ({ at, code }) => {
    const ran = await run([
      'svid',
      'validate',
      '--x509',
      file('out/svid.pem'),
      '--bundle',
      bundle('out/bundle.pem'),
      '--at',
      at(),
    ])
    expect(ran.code).toBe(code)
  })

  it.each([
    { name: 'an empty chain', args: ['--x509', 'empty'] },
    { name: 'an empty token', args: ['--jwt', 'empty', '--audience', 'peer'] },
    { name: 'a key in place of a chain', args: ['--x509', 'out/key.pem'] },
    { name: 'a chain in place of a token', args: ['--jwt', 'out/svid.pem', '--audience', 'peer'] },
  ])('judges $name invalid', async ({ args: [kind, name, ...rest] }) => {
    const ran = await run([
      'svid',
      'validate',
      kind as string,
      file(name as string),
      ...rest,
      '--bundle',
      bundle('keys.json'),
      '-o',
      'json',
    ])
    expect(ran.code).toBe(1)
    expect(JSON.parse(ran.stdout)).toMatchObject({
      valid: false,
      code: expect.stringMatching(/^ERR_SVID_/),
      rule: expect.any(String),
    })
  })

  it.each([
    { name: 'a file that is not there', args: ['--x509', '/nowhere', '--bundle', 'neural-hive.local=/nowhere'] },
    { name: 'no bundle', args: ['--x509', '/nowhere'] },
    { name: 'a token without an audience', args: ['--jwt', '-', '--bundle', 'a=/nowhere'] },
    { name: 'two SVIDs', args: ['--x509', '/a', '--jwt', '/b', '--bundle', 'a=/nowhere'] },
  ])('is a usage error with $name', async ({ args }) => {
    const ran = await run(['svid', 'validate', ...args])
    expect(ran.code).toBe(2)
    expect(ran.stdout).toBe('')
    expect(ran.stderr).toContain('next:')
  })
})
