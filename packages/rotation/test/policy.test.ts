import { type RenewalPolicy, Rotator } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { expect, it } from 'vitest'
import { ModelServer } from './model-server.js'

const clock = new FakeClock()

it.each<{ policy: Partial<RenewalPolicy>; names: string }>([
  { policy: { renewBefore: 0.81 }, names: 'renewBefore' },
  { policy: { renewBefore: 0.99, unsafeLateRenewal: true }, names: 'renewBefore' },
  { policy: { firstAttemptFrom: 0 }, names: 'firstAttemptFrom' },
  { policy: { firstAttemptFrom: 0.7, firstAttemptTo: 0.6 }, names: 'firstAttemptFrom' },
  { policy: { firstAttemptTo: 0.8 }, names: 'firstAttemptTo' },
  { policy: { lastResortFrom: 0.7 }, names: 'lastResortFrom' },
  { policy: { floorShare: 0 }, names: 'floorShare' },
  { policy: { attemptTimeoutMs: Number.NaN }, names: 'attemptTimeoutMs' },
  { policy: { breakerOpenMs: 20_000 }, names: 'breakerOpenMs' },
  { policy: { spreadMs: -1 }, names: 'spreadMs' },
])('refuses $policy by name, at once', ({ policy, names }) => {
  expect(() => new Rotator({ clock, policy })).toThrowError(RangeError)
  expect(() => new Rotator({ clock, policy })).toThrowError(names)
  const rotator = new Rotator({ clock })
  expect(() => rotator.rotate(new ModelServer(clock).source(), { policy })).toThrowError(names)
  expect(rotator.rotations.size).toBe(0)
})

it('refuses an option that does not exist', () => {
  const policy = { renewAt: 0.5 } as Partial<RenewalPolicy>
  expect(() => new Rotator({ clock, policy })).toThrowError(/renewAt/)
})

it('renews later than 0.80 only when that is named unsafe', () => {
  expect(() => new Rotator({ clock, policy: { renewBefore: 0.85, unsafeLateRenewal: true } })).not.toThrow()
})
