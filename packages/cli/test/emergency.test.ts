import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { fakeSource, planted, startStatic } from '../../integration/test/service.js'
import { type Ran, run } from './terminal.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chaveiro-rotation-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const auditFile = () => join(folder, 'audit.jsonl')

async function rotation(args: string[], env: object = {}): Promise<Ran> {
  const ran = await run(['emergency', 'rotation', ...args], { env: { CHAVEIRO_AUDIT_FILE: auditFile(), ...env } })
  for (const secret of Object.values(planted)) expect(ran.stdout + ran.stderr).not.toContain(secret)
  return ran
}

async function lastRecord(): Promise<unknown> {
  const lines = (await readFile(auditFile(), 'utf8')).trim().split('\n')
  return JSON.parse(lines.at(-1) ?? '')
}

/** A service that says what the test wants. */
async function scripted(answer: (path: string) => [number, unknown]): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const [status, body] = answer(`${request.method} ${request.url}`)
    response.writeHead(status).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

const rotations = (overdue: boolean) => ({
  rotations: [{ credential_type: 'token', name: 'session', state: 'live', overdue }],
})

describe('chaveiro emergency rotation', () => {
  it('has a service renew what it holds, and records it', async () => {
    await using running = await startStatic()
    const held = running.service.rotate(fakeSource())
    await held.ready()
    const ran = await rotation(['--service', `orchestrator=${running.url}`])
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('renewed database temporal') })
    expect(held.snapshot().renewals).toBe(1)
    expect(await lastRecord()).toMatchObject({
      command: 'emergency rotation',
      outcome: 'done',
      targets: ['orchestrator'],
    })
  })

  it('looks, and orders nothing, with --dry-run', async () => {
    await using running = await startStatic()
    const held = running.service.rotate(fakeSource())
    await held.ready()
    const ran = await rotation(['--dry-run'], { CHAVEIRO_SERVICES: `orchestrator=${running.url}` })
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing is overdue') })
    expect(held.snapshot().renewals).toBe(0)
    expect(await lastRecord()).toMatchObject({ dry_run: true })
  })

  it('advises the restart when a credential cannot be renewed', async () => {
    let away = false
    await using running = await startStatic()
    const held = running.service.rotate(fakeSource({ fail: () => (away ? new Error('away') : undefined) }))
    await held.ready()
    away = true
    const ran = await rotation(['--service', `orchestrator=${running.url}`])
    expect(ran.code).toBe(1)
    expect(ran.stdout).toContain('still not renewed: database temporal')
    expect(ran.stdout).toContain('kubectl rollout restart deployment/orchestrator')
    expect(await lastRecord()).toMatchObject({ outcome: 'failed' })
  })

  it('advises the restart when a credential stays overdue although the service says it was renewed', async () => {
    const { url, server } = await scripted((path) =>
      path === 'POST /rotate' ? [200, { renewed: [], failed: [] }] : [200, rotations(true)],
    )
    try {
      const ran = await rotation(['--service', `one=${url}`, '-o', 'json'])
      expect(ran.code).toBe(1)
      expect(JSON.parse(ran.stdout)).toMatchObject([{ outcome: 'overdue', overdue_before: ['token session'] }])
    } finally {
      server.close()
    }
  })

  it('says where to give the order when an endpoint takes it from its own machine alone', async () => {
    const { url, server } = await scripted((path) => (path === 'POST /rotate' ? [403, {}] : [200, rotations(false)]))
    try {
      const ran = await rotation(['--service', `one=${url}`])
      expect(ran).toMatchObject({ code: 4, stdout: expect.stringContaining('kubectl exec') })
    } finally {
      server.close()
    }
  })

  it.each([
    {
      name: 'a service that does not answer',
      args: ['--service', 'one=http://127.0.0.1:1'],
      code: 3,
      says: 'CHAVEIRO_ADMIN_ADDRESS',
    },
    { name: 'a process that is not there', args: ['--pid', 'one=4194303'], code: 3, says: 'no process' },
  ])('tells $name', async ({ args, code, says }) => {
    expect(await rotation(args)).toMatchObject({ code, stdout: expect.stringContaining(says) })
  })

  it.each([
    { name: 'no service', args: [], says: 'no service was named' },
    { name: 'a service without its address', args: ['--service', 'one'], says: 'NAME=URL' },
    { name: 'process 1', args: ['--pid', 'one=1'], says: 'NAME=PID' },
  ])('answers $name with exit code 2', async ({ args, says }) => {
    expect(await rotation(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) })
  })
})

describe.runIf(process.platform === 'linux')('chaveiro emergency rotation, by SIGHUP', () => {
  let child: ChildProcess | undefined
  afterEach(async () => {
    if (child?.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit')
  })

  async function start(script: string): Promise<string> {
    child = spawn(process.execPath, ['-e', `${script}; setInterval(() => {}, 1000); console.log('up')`], { env: {} })
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    return `one=${child.pid}`
  }

  it('sends it to a process that listens for it', async () => {
    const target = await start("process.on('SIGHUP', () => console.log('renewing'))")
    const heard = once(child?.stdout as NodeJS.ReadableStream, 'data')
    expect(await rotation(['--pid', target])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('SIGHUP was sent'),
    })
    expect(String(await heard)).toContain('renewing')
  })

  it('does not end a process that does not listen for it', async () => {
    const target = await start('0')
    expect(await rotation(['--pid', target])).toMatchObject({ code: 4, stdout: expect.stringContaining('would end') })
    expect(child?.signalCode).toBeNull()
    expect(() => process.kill(child?.pid as number, 0)).not.toThrow()
  })

  it('verifies by the endpoint what the signal set off', async () => {
    let asked = 0
    const { url, server } = await scripted((path) => {
      if (path === 'POST /rotate') return [403, {}]
      asked += 1
      return [200, rotations(asked < 3)]
    })
    try {
      const target = await start("process.on('SIGHUP', () => {})")
      const ran = await rotation(['--service', `one=${url}`, '--pid', target])
      expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('renewed one') })
    } finally {
      server.close()
    }
  })
})

describe('the audit record', () => {
  it('is shown where it cannot be written, and keeps nobody from helping', async () => {
    await using running = await startStatic()
    const env = { CHAVEIRO_AUDIT_FILE: '/dev/null/audit.jsonl' }
    const ran = await rotation(['--service', `orchestrator=${running.url}`], env)
    expect(ran.code).toBe(0)
    expect(ran.stderr).toContain('"command":"emergency rotation"')
  })
})
