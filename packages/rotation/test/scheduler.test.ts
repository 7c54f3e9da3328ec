import { Rotator } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { beforeEach, expect, it } from 'vitest'
import { EventLog } from './event-log.js'
import { ModelServer } from './model-server.js'

let clock: FakeClock
let rotator: Rotator

beforeEach(() => {
  clock = new FakeClock()
  rotator = new Rotator({ clock })
})

it('needs one timer for a thousand rotations', async () => {
  const server = new ModelServer(clock, { ttlSeconds: 1000 })
  for (let count = 0; count < 1000; count += 1) rotator.rotate(server.source())
  await clock.advance(0)
  expect(clock.pendingTimers).toBe(1)
  await clock.advance(751_000)
  expect(server.of('renew')).toHaveLength(1000)
  expect(server.times('renew').every((atMs) => atMs >= 600_000 && atMs <= 750_000)).toBe(true)
})

it('renews everything when the machine has slept, within 30 s and spread apart', async () => {
  using log = new EventLog()
  const server = new ModelServer(clock, { ttlSeconds: 3600 })
  for (let count = 0; count < 200; count += 1) rotator.rotate(server.source())
  await clock.advance(60_000)
  clock.stepWall(7_200_000)
  await clock.advance(40_000)
  const times = server.times('renew')
  expect(times).toHaveLength(200)
  expect(log.of('renewed').every(({ cause }) => cause === 'clock_jump')).toBe(true)
  const inOneSecond = times.map((atMs) => times.filter((other) => other >= atMs && other < atMs + 1000).length)
  expect(Math.max(...inOneSecond)).toBeLessThan(100)
})

it.each([
  { name: 'back by a day', stepMs: -86_400_000 },
  { name: 'forward by little', stepMs: 4_000 },
])('does nothing when the wall clock steps $name', async ({ stepMs }) => {
  const server = new ModelServer(clock, { ttlSeconds: 3600 })
  const rotation = rotator.rotate(server.source())
  await clock.advance(60_000)
  clock.stepWall(stepMs)
  await clock.advance(60_000)
  expect(server.of('renew')).toHaveLength(0)
  expect(rotation.current()).toBe(1)
})

it('catches up after a stop past every deadline, without a herd', async () => {
  const server = new ModelServer(clock, { ttlSeconds: 3600 })
  for (let count = 0; count < 200; count += 1) rotator.rotate(server.source())
  await clock.advance(60_000)
  await clock.stall(3_000_000)
  expect(server.of('renew').length).toBeLessThan(50)
  await clock.advance(10_000)
  expect(server.of('renew')).toHaveLength(200)
})

it('catches up at once when only one rotation waits, also past the end of its value', async () => {
  const server = new ModelServer(clock, { ttlSeconds: 20 })
  const rotation = rotator.rotate(server.source())
  await rotation.ready()
  await clock.stall(60_000)
  expect(rotation.current()).toBe(2)
})
