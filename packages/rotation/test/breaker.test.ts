import { Rotator } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { beforeEach, expect, it } from 'vitest'
import { ModelServer } from './model-server.js'

let clock: FakeClock
let rotator: Rotator

beforeEach(() => {
  clock = new FakeClock()
  rotator = new Rotator({ clock })
})

it('lets a probe through at a time while a server is away, however many wait for it', async () => {
  const server = new ModelServer(clock, { ttlSeconds: 3600, server: 'vault' })
  server.plan = () => ({ fail: 'unavailable' })
  for (let count = 0; count < 500; count += 1) rotator.rotate(server.source())
  await clock.advance(0)
  expect(server.calls.length).toBe(500)
  await clock.advance(60_000)
  // Pauses of 0.5 to 10 s: far fewer than 500 rotations would make.
  expect(server.calls.length - 500).toBeLessThan(40)
  server.plan = () => ({})
  const before = server.calls.length
  await clock.advance(30_000)
  expect([...rotator.rotations].every((rotation) => rotation.snapshot().state === 'live')).toBe(true)
  const times = server.times('issue').slice(before)
  const inOneSecond = times.map((atMs) => times.filter((other) => other >= atMs && other < atMs + 1000).length)
  expect(Math.max(...inOneSecond)).toBeLessThan(120)
})

it('does not hold up another server', async () => {
  const away = new ModelServer(clock, { server: 'away' })
  away.plan = () => ({ fail: 'unavailable' })
  for (let count = 0; count < 10; count += 1) rotator.rotate(away.source())
  await clock.advance(5_000)
  const rotation = rotator.rotate(new ModelServer(clock, { server: 'here' }).source())
  expect(await rotation.ready()).toBe(1)
})

it('stays closed when a server answers with refusals', async () => {
  const server = new ModelServer(clock, { server: 'vault' })
  server.plan = () => ({ fail: 'refused' })
  for (let count = 0; count < 20; count += 1) rotator.rotate(server.source())
  await clock.advance(0)
  server.plan = () => ({})
  expect(await rotator.rotate(server.source()).ready()).toBe(1)
})

it('learns nothing from a rotation that waits for another one', async () => {
  const server = new ModelServer(clock, { server: 'vault', ttlSeconds: 100 })
  server.plan = () => ({ fail: 'unavailable' })
  const token = rotator.rotate(server.source())
  for (let count = 0; count < 100; count += 1) {
    rotator.rotate<number>({
      credentialType: 'database',
      name: `lease ${count}`,
      server: 'vault',
      issue: async () => ({ value: token.current(), ttlSeconds: 100, renewable: false }),
    })
  }
  await clock.advance(120_000)
  server.plan = () => ({})
  await clock.advance(45_000)
  expect([...rotator.rotations].filter((rotation) => rotation.snapshot().state !== 'live')).toEqual([])
})

it('goes on when the rotation that probed is closed', async () => {
  const server = new ModelServer(clock, { server: 'vault' })
  server.plan = () => ({ fail: 'unavailable' })
  for (let count = 0; count < 10; count += 1) rotator.rotate(server.source())
  await clock.advance(3_000)
  server.plan = () => ({ delayMs: Infinity })
  await clock.advance(15_000)
  const hanging = server.calls.find(({ outcome }) => outcome === 'pending')
  const probing = [...rotator.rotations].find(({ id }) => hanging?.correlationId.startsWith(`${id}.`))
  expect(probing).toBeDefined()
  server.plan = () => ({})
  await probing?.close()
  await clock.advance(30_000)
  expect([...rotator.rotations].every((rotation) => rotation.snapshot().state === 'live')).toBe(true)
})

it('lets the last call of a life through', async () => {
  const shared = { server: 'vault', ttlSeconds: 20 }
  const server = new ModelServer(clock, shared)
  const rotation = rotator.rotate(server.source())
  await rotation.ready()
  const away = new ModelServer(clock, shared)
  away.plan = () => ({ fail: 'unavailable' })
  for (let count = 0; count < 20; count += 1) rotator.rotate(away.source())
  server.plan = () => ({ fail: 'unavailable' })
  await clock.advance(17_000)
  server.plan = () => ({})
  await clock.advance(2_000)
  expect(() => rotation.current()).not.toThrow()
  await clock.advance(2_000)
  expect(() => rotation.current()).not.toThrow()
})
