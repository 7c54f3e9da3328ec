import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
// Not for users: the sample platform stands on it.
import { ServiceProcess } from '../src/platform/service-process.js'

describe('ServiceProcess', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaveiro-service-test-'))
  })

  afterAll(() => rm(folder, { recursive: true }))

  /** A service that is a few lines of node, ready when this resolves. */
  async function start(name: string, body: string): Promise<ServiceProcess> {
    const script = join(folder, `${name}.mjs`)
    await writeFile(script, `${body}\nsetInterval(() => {}, 1000)\nconsole.log('{"event":"sample_ready"}')`)
    const admission = { env: {}, execPath: process.execPath }
    const service = new ServiceProcess({ name, script, admission, env: {}, onLine: () => {} })
    await service.ready()
    return service
  }

  it('that runs until it is asked has not fallen', async () => {
    const service = await start('good', `process.on('SIGTERM', () => process.exit(0))`)
    expect(service.fell).toBe(false)
    expect(await service.close()).toBeUndefined()
    expect(service.fell).toBe(false)
  })

  it.each([
    { name: 'killed', body: `process.kill(process.pid, 'SIGKILL')`, want: 'ended by itself by SIGKILL' },
    { name: 'ended-well', body: 'process.exit(0)', want: 'ended by itself with exit code 0' },
    { name: 'ended-badly', body: 'process.exit(3)', want: 'ended by itself with exit code 3' },
  ])('$name before it is asked: has fallen, and says how', async ({ name, body, want }) => {
    const service = await start(name, `setTimeout(() => { ${body} }, 10)`)
    await expect.poll(() => service.fell).toBe(true)
    expect(await service.close()).toBe(want)
  })

  it('that ends badly when it is asked says how', async () => {
    const service = await start('sour', `process.on('SIGTERM', () => process.exit(4))`)
    expect(await service.close()).toBe('ended with exit code 4')
  })
})
