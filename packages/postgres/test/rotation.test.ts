import { PostgresServer } from '@chaveiro/dev'
import { type PgCredential, RotatingPool } from '@chaveiro/postgres'
import { type Rotation, Rotator, type Source } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { connectionsOf, createRole, dropRole } from './database-roles.js'

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start()
})
afterAll(() => server?.close())

/** Roles that live for 100 s and cannot be renewed; revoking one counts its connections first. */
class RoleSource implements Source<PgCredential> {
  readonly credentialType = 'database'
  readonly name = 'app'
  readonly living = new Set<PgCredential>()
  readonly connectionsAtRevocation: number[] = []

  asked = 0
  revoked = 0

  async issue() {
    this.asked += 1
    const value = await createRole(server)
    this.living.add(value)
    return { value, ttlSeconds: 100, renewable: false }
  }

  async revoke(value: PgCredential) {
    this.connectionsAtRevocation.push(await connectionsOf(server, value))
    await dropRole(server, value)
    this.living.delete(value)
    this.revoked += 1
  }
}

it('is kept fresh by a rotation: nothing fails, and each role is revoked when it has no connection', async () => {
  const clock = new FakeClock()
  const source = new RoleSource()
  const rotator = new Rotator({ clock })
  const { host, port } = server
  const pool = new RotatingPool({
    host,
    port,
    database: 'postgres',
    max: 4,
    clock,
    credentials: () => rotation.current(),
  })
  const rotation: Rotation<PgCredential> = rotator.rotate(source, { consumer: pool.consumer })
  await rotation.ready()

  const users = new Set<string>()
  const failures: unknown[] = []
  let working = true
  const worker = async (): Promise<void> => {
    while (working) {
      await pool.query('SELECT current_user AS name').then(
        ({ rows }) => users.add(rows[0].name),
        (error) => failures.push(error),
      )
    }
  }
  const workers = Array.from({ length: 6 }, worker)
  for (let replacements = 1; replacements <= 5; replacements += 1) {
    // Time stands while the real server works, so that no attempt runs out of it.
    while (source.asked === replacements) await clock.advance(500)
    await vi.waitUntil(() => source.revoked === replacements, { timeout: 10_000 })
  }
  working = false
  await Promise.all(workers)
  expect(failures).toEqual([])
  expect(users.size).toBe(6)

  await pool.end()
  await rotator.close({ revoke: true })
  expect(source.connectionsAtRevocation).toEqual([0, 0, 0, 0, 0, 0])
  expect(source.living.size).toBe(0)
})
