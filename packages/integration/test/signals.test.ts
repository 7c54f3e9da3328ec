import { EventEmitter } from 'node:events'
import { runUntilSignal, type SignalledProcess } from '@chaveiro/integration'
import { describe, expect, it } from 'vitest'
import { fakeSource, settled, startStatic } from './service.js'

/** A process that can be signalled without ending the test. */
class FakeProcess extends EventEmitter implements SignalledProcess {
  readonly exits: number[] = []
  exit(code: number): void {
    this.exits.push(code)
  }
}

describe('runUntilSignal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('closes in order on %s, and leaves no handler behind', async (signal) => {
    const signalled = new FakeProcess()
    const closed: (string | undefined)[] = []
    const work = runUntilSignal(
      { close: async (reason) => void closed.push(reason) },
      { process: signalled, onSignal: (name) => void closed.push(`told ${name}`) },
    )
    signalled.emit(signal)
    expect(await work).toBe(signal)
    expect(closed).toEqual([`told ${signal}`, signal])
    expect(signalled.exits).toEqual([])
    expect(signalled.listenerCount('SIGINT') + signalled.listenerCount('SIGTERM')).toBe(0)
  })

  it('ends at once on a second signal, of whichever kind', async () => {
    const signalled = new FakeProcess()
    let release = (): void => undefined
    const work = runUntilSignal(
      {
        close: () =>
          new Promise((resolve) => {
            release = resolve
          }),
      },
      { process: signalled },
    )
    signalled.emit('SIGTERM')
    await settled()
    signalled.emit('SIGINT')
    expect(signalled.exits).toEqual([130])
    release()
    await work
  })
})

describe('SIGHUP', () => {
  it('renews everything now', async () => {
    await using running = await startStatic()
    await running.service.rotate(fakeSource()).ready()
    process.emit('SIGHUP')
    await settled()
    await settled()
    expect(running.lines.of('credential_renewed')).toMatchObject([{ reason: 'request' }])
  })

  it('is heard no more after close', async () => {
    const before = process.listenerCount('SIGHUP')
    const { service } = await startStatic()
    expect(process.listenerCount('SIGHUP')).toBe(before + 1)
    await service.close()
    expect(process.listenerCount('SIGHUP')).toBe(before)
  })

  it('is left to the application when it wants it', async () => {
    const before = process.listenerCount('SIGHUP')
    await using _running = await startStatic({ renewOnSighup: false })
    expect(process.listenerCount('SIGHUP')).toBe(before)
  })
})
