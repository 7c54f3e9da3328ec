import { type Consumer, Rotator } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { beforeEach, expect, it } from 'vitest'
import { EventLog } from './event-log.js'
import { ModelServer } from './model-server.js'

let clock: FakeClock
let rotator: Rotator
let server: ModelServer

beforeEach(() => {
  clock = new FakeClock()
  rotator = new Rotator({ clock })
  server = new ModelServer(clock, { ttlSeconds: 100 })
})

it('revokes what is held and leaves no timer', async () => {
  const rotation = rotator.rotate(server.source())
  await rotation.ready()
  await rotation.close()
  expect(server.leases.size).toBe(0)
  expect(clock.pendingTimers).toBe(0)
  expect(rotation.snapshot().state).toBe('closed')
  expect(rotator.rotations.size).toBe(0)
  expect(() => rotation.current()).toThrowError(expect.objectContaining({ code: 'ERR_ROTATION_CLOSED' }))
})

it('twice is harmless', async () => {
  const rotation = rotator.rotate(server.source())
  await rotation.ready()
  await Promise.all([rotation.close(), rotation.close(), rotator.close(), rotator.close()])
  expect(server.of('revoke')).toHaveLength(1)
  expect(() => rotator.rotate(server.source())).toThrowError(expect.objectContaining({ code: 'ERR_ROTATION_CLOSED' }))
})

it('is what `await using` does', async () => {
  {
    await using rotation = rotator.rotate(server.source())
    await rotation.ready()
  }
  expect(server.leases.size).toBe(0)
})

it('leaves the values alone when told so', async () => {
  const rotation = rotator.rotate(server.source())
  await rotation.ready()
  await rotation.close({ revoke: false })
  expect(server.alive()).toEqual([1])
  expect(clock.pendingTimers).toBe(0)
})

it('revokes a value whose issue is in flight, when it arrives in time', async () => {
  server.plan = (operation) => (operation === 'issue' ? { delayMs: 3_000, deaf: true } : {})
  const rotation = rotator.rotate(server.source())
  await clock.advance(1_000)
  const closing = rotation.close()
  await clock.advance(10_000)
  await closing
  expect(server.leases.size).toBe(0)
  expect(clock.pendingTimers).toBe(0)
})

it('revokes a value whose probe is in flight', async () => {
  const consumer: Consumer<number> = { probe: () => new Promise(() => {}), adopt: async () => {} }
  const rotation = rotator.rotate(server.source(), { consumer })
  await clock.advance(1_000)
  expect(server.alive()).toEqual([1])
  await rotation.close()
  expect(server.leases.size).toBe(0)
})

it('revokes a value that arrives when all is closed', async () => {
  server.plan = (operation) => (operation === 'issue' ? { delayMs: 60_000, deaf: true } : {})
  using log = new EventLog()
  const rotation = rotator.rotate(server.source())
  await clock.advance(1_000)
  const closing = rotation.close({ timeoutMs: 2_000 })
  await clock.advance(2_000)
  await closing
  expect(server.leases.size).toBe(1)
  await clock.advance(60_000)
  expect(server.leases.size).toBe(0)
  expect(clock.pendingTimers).toBe(0)
  expect(log.kinds()).toEqual(['orphaned', 'revoked'])
})

it('ends attempts, waiting callers and iterators', async () => {
  const rotation = rotator.rotate(server.source())
  await rotation.ready()
  server.plan = (operation) => (operation === 'renew' ? { delayMs: Infinity } : {})
  const renewed = rotation.renewNow('request')
  const changes = rotation.changes()
  await changes.next()
  const next = changes.next()
  await rotation.close()
  await expect(renewed).rejects.toMatchObject({ code: 'ERR_ROTATION_CLOSED' })
  await expect(rotation.renewNow('request')).rejects.toMatchObject({ code: 'ERR_ROTATION_CLOSED' })
  await expect(rotation.ready()).rejects.toMatchObject({ code: 'ERR_ROTATION_CLOSED' })
  expect(await next).toEqual({ done: true, value: undefined })
  expect(await rotation.changes().next()).toEqual({ done: true, value: undefined })
  expect(server.leases.size).toBe(0)
})

it('rejects who waits for the first value', async () => {
  server.plan = () => ({ fail: 'unavailable' })
  const rotation = rotator.rotate(server.source())
  const ready = rotation.ready()
  await Promise.all([
    expect(ready).rejects.toMatchObject({ code: 'ERR_ROTATION_CLOSED' }),
    clock.advance(10).then(() => rotation.close()),
  ])
})

it('gives a draining consumer half of the time, and revokes both values', async () => {
  const aborted: boolean[] = []
  const consumer: Consumer<number> = {
    adopt: (_, { previous, signal }) =>
      previous === undefined
        ? Promise.resolve()
        : new Promise(() => signal.addEventListener('abort', () => aborted.push(true))),
  }
  const rotation = rotator.rotate(server.source(), { consumer })
  await rotation.ready()
  rotation.replaceNow('request').catch(() => undefined)
  await clock.advance(0)
  expect(server.alive()).toEqual([1, 2])
  const closing = rotation.close({ timeoutMs: 4_000 })
  await clock.advance(0)
  expect(aborted).toEqual([true])
  expect(server.alive()).toEqual([1])
  await clock.advance(2_000)
  await closing
  expect(server.leases.size).toBe(0)
})

it('tries again to revoke, within its time, and tells what it had to leave', async () => {
  using log = new EventLog()
  const rotation = rotator.rotate(server.source())
  await rotation.ready()
  const failing = clock.monotonicMs() + 1_000
  server.plan = (operation) => (operation === 'revoke' && clock.monotonicMs() < failing ? { fail: 'unavailable' } : {})
  const closing = rotation.close()
  await clock.advance(10_000)
  await closing
  expect(server.leases.size).toBe(0)

  const other = new Rotator({ clock })
  const hopeless = other.rotate(server.source())
  await hopeless.ready()
  server.plan = () => ({ fail: 'unavailable' })
  const given = other.close({ timeoutMs: 3_000 })
  await clock.advance(3_000)
  await given
  expect(clock.pendingTimers).toBe(0)
  expect(log.of('failed').at(-1)).toMatchObject({ step: 'revoke', abandoned: true, rotationId: hopeless.id })
})

it('without any time still asks for every value to be revoked, and waits for nothing', async () => {
  const rotation = rotator.rotate(server.source(), { consumer: { adopt: () => new Promise(() => {}) } })
  await rotation.ready()
  rotation.replaceNow('request').catch(() => undefined)
  await clock.advance(0)
  const closing = rotation.close({ timeoutMs: 0 })
  await clock.advance(0)
  await closing
  await clock.advance(0)
  expect(server.leases.size).toBe(0)
  expect(clock.pendingTimers).toBe(0)
})

it('is bounded although the server never answers', async () => {
  const rotation = rotator.rotate(server.source())
  await rotation.ready()
  server.plan = () => ({ delayMs: Infinity })
  const closing = rotation.close({ timeoutMs: 5_000 })
  await clock.advance(5_000)
  await closing
  expect(clock.pendingTimers).toBe(0)
})

it('closes rotations newest first, and one that hangs does not take the time of the others', async () => {
  const order: string[] = []
  const names = ['token', 'database', 'pki']
  for (const name of names) {
    rotator.rotate<number>({
      credentialType: 'token',
      name,
      issue: async () => ({ value: 1, ttlSeconds: 100, renewable: false }),
      revoke: (_, { signal }) => {
        order.push(name)
        return name === 'database'
          ? new Promise((_, reject) => signal.addEventListener('abort', reject))
          : Promise.resolve()
      },
    })
  }
  await clock.advance(0)
  const closing = rotator.close({ timeoutMs: 8_000 })
  await clock.advance(8_000)
  await closing
  expect(order).toEqual(['pki', 'database', 'token'])
  expect(clock.pendingTimers).toBe(0)
})
