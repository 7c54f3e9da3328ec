import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCodeFor, VaultIntegration } from '@chaveiro/integration'
import { rotationChannels } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { describe, expect, it } from 'vitest'
import { fakeSource, Lines, planted, startStatic } from './service.js'

const listening = (): boolean[] => Object.values(rotationChannels).map((channel) => channel.hasSubscribers)

/** Vault off, so that only a database is missing. */
const withDatabase = (port: number): Record<string, string> => ({
  CHAVEIRO_DATABASE_HOST: '127.0.0.1',
  CHAVEIRO_DATABASE_PORT: String(port),
  CHAVEIRO_DATABASE_NAME: 'temporal',
  CHAVEIRO_STATIC_DATABASE_USERNAME: 'app',
  CHAVEIRO_STATIC_DATABASE_PASSWORD: planted.password,
  CHAVEIRO_START_TIMEOUT: '1s',
})

describe('a start that fails', () => {
  it('waits for a database that is away, then says so, and leaves nothing', async () => {
    const before = { hups: process.listenerCount('SIGHUP'), listening: listening() }
    const error: unknown = await startStatic({ env: withDatabase(1) }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'ERR_INTEGRATION_START_TIMEOUT',
      message: expect.stringMatching(/within 1 s \(database\).*ECONNREFUSED/),
      cure: expect.stringContaining('CHAVEIRO_START_TIMEOUT'),
    })
    expect(exitCodeFor(error)).toBe(3)
    expect(JSON.stringify(error) + String(error)).not.toContain(planted.password)
    expect({ hups: process.listenerCount('SIGHUP'), listening: listening() }).toEqual(before)
  })

  it('tells of a Workload API that is not there by its code and cure', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'chaveiro-start-'))
    const lines = new Lines()
    const env = {
      CHAVEIRO_SERVICE_NAME: 'orchestrator-dynamic',
      VAULT_ADDR: 'http://127.0.0.1:1',
      CHAVEIRO_VAULT_AUDIENCE: 'vault',
      SPIFFE_ENDPOINT_SOCKET: `unix://${folder}/absent.sock`,
      CHAVEIRO_ADMIN_ADDRESS: '127.0.0.1:0',
      CHAVEIRO_START_TIMEOUT: '1s',
    }
    const error: unknown = await VaultIntegration.start({ env, logStream: lines }).catch((reason: unknown) => reason)
    rmSync(folder, { recursive: true })
    expect(error).toMatchObject({
      code: 'ERR_INTEGRATION_START_TIMEOUT',
      message: expect.stringContaining('absent.sock'),
    })
    expect(exitCodeFor(error)).toBe(3)
    expect(lines.of('vault_initialization_failed')).toMatchObject([
      {
        reason: 'spiffe',
        error: {
          code: 'ERR_INTEGRATION_START_TIMEOUT',
          causes: expect.arrayContaining(['ERR_WORKLOAD_API_SOCKET_MISSING']),
        },
      },
    ])
  })

  it('is given up when the caller says so', async () => {
    const stop = new AbortController()
    const starting = startStatic({ env: { ...withDatabase(1), CHAVEIRO_START_TIMEOUT: '60s' }, signal: stop.signal })
    stop.abort(new Error('no longer wanted'))
    await expect(starting).rejects.toMatchObject({ code: 'ERR_INTEGRATION_START_FAILED' })
  })
})

describe('close', () => {
  it('twice is harmless, and tells of itself once', async () => {
    const { service, lines } = await startStatic()
    await Promise.all([service.close(), service.close()])
    await service.close()
    expect(lines.of('shutdown_complete')).toHaveLength(1)
  })

  it('revokes what the application had rotated', async () => {
    const { service, lines } = await startStatic()
    await service.rotate(fakeSource()).ready()
    await service.close()
    expect(lines.of('credential_revoked')).toMatchObject([{ credential_type: 'database' }])
  })

  it('ends within its bound when a server hangs', async () => {
    const clock = new FakeClock()
    const { service, lines } = await startStatic({ clock, env: { CHAVEIRO_SHUTDOWN_TIMEOUT: '5s' } })
    await service.rotate({ ...fakeSource(), revoke: () => new Promise(() => undefined) }).ready()
    const closing = service.close()
    await clock.advance(5000)
    await closing
    expect(lines.of('shutdown_complete')).toHaveLength(1)
    expect(lines.of('credential_renewal_failed')).toMatchObject([{ step: 'revoke', abandoned: true }])
    expect(clock.pendingTimers).toBe(0)
  })

  it('happens by itself with `await using`', async () => {
    let lines: Lines | undefined
    {
      await using running = await startStatic()
      lines = running.lines
    }
    expect(lines.of('shutdown_complete')).toMatchObject([{ reason: 'test' }])
  })
})
