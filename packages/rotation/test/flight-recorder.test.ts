import { FlightRecorder, Rotator } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { expect, it } from 'vitest'
import { ModelServer } from './model-server.js'

it('tells why a credential was renewed, after the fact', async () => {
  const clock = new FakeClock()
  using recorder = new FlightRecorder()
  const rotator = new Rotator({ clock })
  const server = new ModelServer(clock, { maxTtlSeconds: 150 })
  const rotation = rotator.rotate(server.source())
  const other = rotator.rotate(new ModelServer(clock).source())
  await clock.advance(76_000)
  const told = recorder.events(rotation.id).map(({ kind, cause }) => `${kind} ${cause}`)
  expect(told.slice(0, 4)).toEqual(['issued start', 'scheduled schedule', 'truncated schedule', 'replaced truncated'])
  expect(recorder.events(other.id).length).toBeGreaterThan(0)
  expect(recorder.events().length).toBe(recorder.events(rotation.id).length + recorder.events(other.id).length)
  expect(recorder.events('unknown')).toEqual([])
})

it('is bounded, forgets the quietest rotation first, and hears nothing once closed', async () => {
  const clock = new FakeClock()
  const recorder = new FlightRecorder({ eventsPerRotation: 3, rotations: 2 })
  const rotator = new Rotator({ clock })
  const rotations = [1, 2, 3].map((ttlSeconds) => rotator.rotate(new ModelServer(clock, { ttlSeconds }).source()))
  await clock.advance(0)
  expect(recorder.events(rotations[0]?.id)).toHaveLength(0)
  expect(recorder.events(rotations[2]?.id)).toHaveLength(2)
  await clock.advance(20_000)
  expect(recorder.events().length).toBeLessThanOrEqual(6)
  recorder.close()
  recorder.close()
  const before = recorder.events()
  await clock.advance(20_000)
  expect(recorder.events()).toEqual(before)
})

it.each([{ eventsPerRotation: 0 }, { rotations: 1.5 }])('refuses %o', (options) => {
  expect(() => new FlightRecorder(options)).toThrowError(RangeError)
})
