import { inspect } from 'node:util'
import { Secret, sleep, systemClock } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import { describe, expect, it } from 'vitest'

describe('FakeClock', () => {
  it('goes from deadline to deadline, and lets waiting work run between', async () => {
    const clock = new FakeClock()
    const seen: number[] = []
    const work = (async () => {
      for (let step = 0; step < 5; step += 1) {
        await sleep(clock, 10)
        await Promise.resolve().then(() => Promise.resolve())
        seen.push(clock.monotonicMs())
      }
    })()
    await clock.advance(50)
    await work
    expect(seen).toEqual([10, 20, 30, 40, 50])
    expect(clock.pendingTimers).toBe(0)
  })

  it('tells a machine that slept from a process that stood still', async () => {
    const clock = new FakeClock({ wallMs: 1000 })
    clock.stepWall(500)
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([1500, 0])
    let ran = Number.NaN
    clock.schedule(10, () => {
      ran = clock.monotonicMs()
    })
    await clock.stall(100)
    expect([clock.wallMs(), ran]).toEqual([1600, 100])
  })

  it('repeats its chance', () => {
    const draws = (seed: number): number[] => {
      const clock = new FakeClock({ seed })
      return Array.from({ length: 100 }, () => clock.random())
    }
    expect(draws(7)).toEqual(draws(7))
    expect(draws(7)).not.toEqual(draws(8))
    expect(Math.min(...draws(7))).toBeGreaterThanOrEqual(0)
    expect(Math.max(...draws(7))).toBeLessThan(1)
  })

  it('orders many timers, cancelled ones left out', async () => {
    const clock = new FakeClock()
    const ran: number[] = []
    const timers = Array.from({ length: 200 }, (_, index) => {
      const delayMs = (index * 7919) % 1000
      return { delayMs, timer: clock.schedule(delayMs, () => ran.push(delayMs)) }
    })
    for (const { timer } of timers.slice(0, 100)) timer.cancel()
    await clock.advance(1000)
    expect(ran).toEqual(
      timers
        .slice(100)
        .map(({ delayMs }) => delayMs)
        .sort((a, b) => a - b),
    )
  })
})

describe('the system clock', () => {
  it('does not run a timer of more than 2^31 ms at once', async () => {
    let ran = false
    const timer = systemClock.schedule(60 * 86_400_000, () => {
      ran = true
    })
    await sleep(systemClock, 20)
    timer.cancel()
    expect(ran).toBe(false)
  })

  it('ends a sleep with the reason of its signal', async () => {
    const stop = new AbortController()
    const slept = sleep(systemClock, 60_000, stop.signal)
    stop.abort(new Error('enough'))
    await expect(slept).rejects.toThrowError('enough')
    await expect(sleep(systemClock, 1, AbortSignal.abort('before'))).rejects.toBe('before')
  })
})

it('a Secret shows itself to nobody but who asks', () => {
  const secret = new Secret('planted')
  const shown = [`${secret}`, String(secret), JSON.stringify({ secret }), inspect({ secret }), `${[secret]}`]
  expect(shown.join()).not.toContain('planted')
  expect(secret.expose()).toBe('planted')
})
