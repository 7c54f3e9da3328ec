/**
 * A service that cannot start says why, what to do, and leaves nothing behind: run as a process, as in production.
 */

import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DevAuthority,
  DevWorkloadApi,
  EmbeddedStack,
  leftBehind,
  prepareStack,
  sampleFiles,
  sampleServices,
} from '@chaveiro/dev'
import { readManifest } from '@chaveiro/operations'
import { SpiffeId } from '@chaveiro/spiffe'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'

const files = sampleFiles()
const startTimeoutSeconds = 3

let stack: EmbeddedStack
let goodEnv: Record<string, string>
let folder: string
let blocked: Server

beforeAll(async () => {
  const manifest = readManifest(await readFile(files.manifest, 'utf8'), files.manifest)
  stack = await EmbeddedStack.start({
    trustDomain: manifest.trustDomain,
    ttls: { x509SvidSeconds: 60, jwtSvidSeconds: 30 },
  })
  await prepareStack(stack, manifest)
  const orchestrator = sampleServices.find(({ name }) => name === 'orchestrator-dynamic')
  if (!orchestrator) throw new Error('the sample platform has an orchestrator')
  const admission = await stack.admit(orchestrator.name, SpiffeId.of(stack.trustDomain, orchestrator.path))
  goodEnv = {
    ...orchestrator.env(stack, '127.0.0.1:1'),
    ...admission.env,
    CHAVEIRO_START_TIMEOUT: `${startTimeoutSeconds}s`,
    PATH: process.env.PATH ?? '',
  }
  folder = await mkdtemp(join(tmpdir(), 'chaveiro-bad-'))
  await chmod(folder, 0o711)
  blocked = createServer().listen(0, '127.0.0.1')
  await once(blocked, 'listening')
})

afterAll(async () => {
  blocked?.close()
  await stack?.close()
  if (folder) await rm(folder, { recursive: true, force: true })
})

afterEach(async () => {
  expect(await leftBehind(stack), 'left behind by a failed start').toEqual({ leases: 0, database_users: 0 })
})

interface Ended {
  readonly code: number
  readonly output: string
}

/** Runs the orchestrator until it ends by itself, which it must. */
async function start(env: Record<string, string>, ids: { uid?: number; gid?: number } = {}): Promise<Ended> {
  const child = execFile(process.execPath, [files.script('orchestrator-dynamic')], {
    env,
    cwd: '/',
    timeout: 30_000,
    ...ids,
  })
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk) => {
    output += chunk
  })
  const [code, signal] = await once(child, 'close')
  expect(signal, `it had to be ended:\n${output}`).toBeNull()
  return { code: code as number, output }
}

it.each<{ name: string; env: Record<string, string>; code: number; says: RegExp }>([
  {
    name: 'a Workload API socket that is not there',
    env: { SPIFFE_ENDPOINT_SOCKET: 'unix:///nowhere/agent.sock' },
    code: 3,
    says: /ERR_WORKLOAD_API_SOCKET_MISSING/,
  },
  {
    name: 'a Vault that cannot be reached',
    env: { VAULT_ADDR: 'http://127.0.0.1:1' },
    code: 3,
    says: /ERR_VAULT_UNREACHABLE/,
  },
  {
    name: 'an audience that Vault does not accept',
    env: { CHAVEIRO_VAULT_AUDIENCE: 'somebody-else' },
    code: 4,
    says: /ERR_VAULT_LOGIN_FAILED/,
  },
  {
    name: 'a role that Vault does not know',
    env: { CHAVEIRO_VAULT_ROLE: 'nobody' },
    code: 4,
    says: /ERR_VAULT_LOGIN_FAILED/,
  },
  {
    name: "another service's role",
    env: { CHAVEIRO_VAULT_ROLE: 'worker-agents' },
    code: 4,
    says: /ERR_VAULT_LOGIN_FAILED/,
  },
  {
    name: 'a database role that its policy does not allow',
    env: { CHAVEIRO_DATABASE_ROLE: 'temporal-admin' },
    code: 4,
    says: /ERR_VAULT_PERMISSION_DENIED/,
  },
  {
    name: 'a database that is not where it is said to be',
    env: { CHAVEIRO_DATABASE_PORT: '1' },
    code: 3,
    says: /ECONNREFUSED/,
  },
  {
    name: 'an unknown configuration key',
    env: { CHAVEIRO_VAULT_ROEL: 'x' },
    code: 2,
    says: /CHAVEIRO_VAULT_ROEL.*CHAVEIRO_VAULT_ROLE/s,
  },
  { name: 'a malformed value', env: { CHAVEIRO_VAULT_ENABLED: 'yes' }, code: 2, says: /CHAVEIRO_VAULT_ENABLED/ },
])('ends with $code for $name', async ({ env, code, says }) => {
  const ended = await start({ ...goodEnv, ...env })
  expect(ended.output).toMatch(says)
  expect(ended.output).toMatch(/next|cure/)
  expect(ended.code).toBe(code)
})

it('ends with 2 for an admin port that is taken', async () => {
  const { port } = blocked.address() as { port: number }
  const ended = await start({ ...goodEnv, CHAVEIRO_ADMIN_ADDRESS: `127.0.0.1:${port}` })
  expect(ended.output).toMatch(/ERR_INTEGRATION_ADMIN_ADDRESS_IN_USE/)
  expect(ended.code).toBe(2)
})

/** Another user's ids, when this is root and that user can read the checkout. */
function otherUser(): { uid: number; gid: number } | string {
  if (process.getuid?.() !== 0) return 'only root can start a process that its own socket is closed to'
  const ids = { uid: 64_300, gid: 64_300 }
  try {
    const script = files.script('orchestrator-dynamic')
    execFileSync(process.execPath, ['-e', 'fs.accessSync(process.argv[1])', script], {
      ...ids,
      cwd: '/',
      env: {},
      stdio: 'ignore',
    })
    return ids
  } catch {
    return 'other users cannot read this checkout'
  }
}

it('ends with 4 when it may not open the socket', async ({ skip }) => {
  const ids = otherUser()
  if (typeof ids === 'string') return skip(ids)
  const ended = await start(goodEnv, ids)
  expect(ended.output).toMatch(/ERR_WORKLOAD_API_SOCKET_DENIED/)
  expect(ended.code).toBe(4)
})

it('ends with 4 when no entry matches it', async () => {
  const authority = await DevAuthority.create({ trustDomain: stack.trustDomain })
  await using api = await DevWorkloadApi.start({ authority, folder: join(folder, 'id') })
  const ended = await start({ ...goodEnv, SPIFFE_ENDPOINT_SOCKET: await api.openSocket('nobody.sock') })
  expect(ended.output).toMatch(/ERR_WORKLOAD_API_NO_IDENTITY/)
  expect(ended.code).toBe(4)
})

it('ends with 3 when PostgreSQL is down behind Vault', async () => {
  await stack.database.stop()
  try {
    const ended = await start(goodEnv)
    expect(ended.output).toMatch(/ERR_VAULT_BACKEND_UNAVAILABLE/)
    expect(ended.code).toBe(3)
  } finally {
    await stack.database.startAgain()
  }
})

it('ends with 3 when Vault is sealed', async () => {
  await using sealed = await EmbeddedStack.start({
    trustDomain: stack.trustDomain,
    ttls: { x509SvidSeconds: 60, jwtSvidSeconds: 30 },
  })
  await using admin = new VaultClient({ address: sealed.vault.address, token: () => sealed.vault.rootToken })
  await admin.sys.seal()
  const ended = await start({ ...goodEnv, VAULT_ADDR: sealed.vault.address })
  expect(ended.output).toMatch(/ERR_VAULT_SEALED/)
  expect(ended.code).toBe(3)
})
