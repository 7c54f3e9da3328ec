/**
 * No secret of a running platform is where others could read it: arguments, environments, endpoints, log lines.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  demoTtls,
  EmbeddedStack,
  prepareStack,
  readSampleManifest,
  SamplePlatform,
  type Stack,
  sampleFiles,
} from '@chaveiro/dev'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, expect, it } from 'vitest'

/** What secrets look like: Vault tokens, JWTs, private keys, passwords in addresses. */
const shapes = [/\bhv[sb]\.[\w-]{20,}/, /\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+/, /PRIVATE KEY/, /:\/\/[^/\s:@]+:[^/\s@]{6,}@/]
const paths = ['orchestrator/mongodb', 'orchestrator/kafka', 'orchestrator/redis', 'worker/queue', 'registry/signing']

const files = sampleFiles()
let stack: EmbeddedStack
let platform: SamplePlatform
let known: string[]

beforeAll(async () => {
  const manifest = readSampleManifest(await readFile(files.manifest, 'utf8'), files.manifest)
  stack = await EmbeddedStack.start({ trustDomain: manifest.trustDomain, ttls: demoTtls })
  await prepareStack(stack, manifest)
  known = await knownSecrets(stack)
  platform = await SamplePlatform.start({ stack, script: files.script })
}, 60_000)

afterAll(async () => {
  await platform?.close()
  await stack?.close()
})

/** Secrets that this test can know by asking: root token, superuser's password, every KV value but the user name. */
async function knownSecrets({ vault, database }: Stack): Promise<string[]> {
  await using client = new VaultClient({ address: vault.address, token: () => vault.rootToken })
  const secrets = await Promise.all(paths.map((path) => client.kv('secret').read(path)))
  const values = secrets.flatMap(({ data }) =>
    Object.entries(data).flatMap(([key, value]) => (key === 'username' ? [] : [String(value)])),
  )
  return [vault.rootToken.expose(), database.superuser.password.expose(), ...values]
}

/** Fails with what kind of secret stands in a text, and never prints the text. */
function expectClean(where: string, text: string): void {
  const found = [
    ...known.flatMap((secret, index) => (text.includes(secret) ? [`known secret ${index}`] : [])),
    ...shapes.flatMap((shape) => (shape.test(text) ? [`shape ${shape}`] : [])),
  ]
  expect(found, where).toEqual([])
}

it('the search would find one', () => {
  expect(known.length).toBeGreaterThan(6)
  expect(() => expectClean('a planted secret', `password=${known[1]}`)).toThrow()
  expect(() => expectClean('a planted token', 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln')).toThrow()
})

it('none is in what the services answer', async () => {
  const admins = platform.admins
  expect(admins.length).toBeGreaterThanOrEqual(3)
  for (const { name, address } of admins) {
    for (const path of ['/metrics', '/healthz', '/readyz', '/rotations', '/']) {
      expectClean(`${name}${path}`, await (await fetch(`http://${address}${path}`)).text())
    }
  }
})

it('none is in the arguments or the environment of a child process', ({ skip }) => {
  if (!existsSync('/proc/self/environ')) skip('this system shows processes in no /proc')
  const pids = execFileSync('ps', ['-o', 'pid=', '--ppid', String(process.pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
  const looked = pids.filter((pid) => existsSync(`/proc/${pid}/environ`))
  expect(looked.length).toBeGreaterThanOrEqual(5)
  for (const pid of looked) {
    expectClean(`arguments of ${pid}`, readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    expectClean(`environment of ${pid}`, readFileSync(`/proc/${pid}/environ`, 'utf8'))
  }
})

it('none is in what happened', () => {
  expect(platform.view().happened).toBeGreaterThan(3)
  expectClean('happenings', JSON.stringify(platform.view()))
})
