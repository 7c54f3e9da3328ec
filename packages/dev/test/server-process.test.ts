import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
// Not for users: the launchers of the real servers and of PostgreSQL stand on it.
import { ServerProcess, type ServerProcessOptions } from '../src/server-process.js'

describe('ServerProcess', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaveiro-process-test-'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  /** A server that is a few lines of node; it says `up` unless the script does something else. */
  const start = (script: string, options: Partial<ServerProcessOptions> = {}): Promise<ServerProcess> =>
    ServerProcess.start({
      name: 'sample',
      program: process.execPath,
      args: ['-e', `${script}; console.log('up'); setInterval(() => {}, 1000)`],
      folder,
      listeningLine: /^up$/m,
      ready: async () => true,
      ...options,
    })

  it('is asked to end, and ends', async () => {
    const server = await start(`process.on('SIGTERM', () => { console.log('bye'); process.exit(7) })`)
    expect(server.running).toBe(true)
    await server.close()
    expect(await server.exited).toEqual({ code: 7, signal: null })
    expect(server.logTail()).toBe('up\nbye')
    await server.close()
    expect(server.signal('SIGTERM')).toBe(false)
  })

  it('is killed when it does not end in time', async () => {
    const server = await start(`process.on('SIGTERM', () => {})`, { stopTimeoutMs: 50 })
    await server.close()
    expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('is told the signal of its choice', async () => {
    const server = await start(`process.on('SIGINT', () => process.exit(3))`, { stopSignal: 'SIGINT' })
    await server.close()
    expect(await server.exited).toEqual({ code: 3, signal: null })
  })

  it('that ends at once is a failed start with the end of its log', async () => {
    const failed = start(`console.error('the port is taken'); process.exit(4)`)
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_DEV_SERVER_START',
      message: expect.stringMatching(/ended at once \(exit 4\)[\s\S]*the port is taken/),
    })
  })

  it('that is not ready in time is a failed start, and killed', async () => {
    const program = { program: '/bin/sh', args: ['-c', 'echo $$; exec sleep 60'] }
    const failed = start('', { ...program, listeningLine: /^\d+$/m, ready: async () => false, readyTimeoutMs: 500 })
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_DEV_SERVER_START',
      message: expect.stringContaining('0.5 s'),
    })
    const pid = Number((await readFile(join(folder, 'sample.log'), 'utf8')).split('\n')[0])
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })

  it('that does not exist is missing', async () => {
    await expect(start('', { program: join(folder, 'nothing') })).rejects.toMatchObject({
      code: 'ERR_DEV_SERVER_MISSING',
      cure: expect.stringContaining('npm run servers'),
    })
  })

  it('is not taken for ready by what an earlier run logged', async () => {
    await (await start('')).close()
    const silent = start('', { program: '/bin/sh', args: ['-c', 'exec sleep 60'], readyTimeoutMs: 300 })
    await expect(silent).rejects.toMatchObject({ code: 'ERR_DEV_SERVER_START' })
  })

  it('keeps its log to its owner, and secrets out of what is shown of it', async () => {
    await using server = await start(`console.log('Root Token: s3cret')`, { hiddenLines: /^Root Token/ })
    expect((await stat(server.logFile)).mode & 0o077).toBe(0)
    expect(server.logTail()).toBe('up')
  })

  it('inherits nothing of our environment', async () => {
    process.env.CHAVEIRO_TEST_SECRET = 's3cret'
    try {
      await using server = await start(`console.log(Object.keys(process.env).join())`, { env: { GIVEN: '1' } })
      expect(server.logTail().split('\n')[0]?.split(',')).toEqual(expect.arrayContaining(['PATH', 'GIVEN']))
      expect(server.logTail()).not.toContain('CHAVEIRO_TEST_SECRET')
    } finally {
      delete process.env.CHAVEIRO_TEST_SECRET
    }
  })
})
