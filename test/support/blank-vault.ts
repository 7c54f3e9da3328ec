/**
 * A real Vault that nobody has initialised: what the launcher of the development stack does not leave behind.
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realServerPrograms } from '@chaveiro/dev'
import { sleep, systemClock } from '@chaveiro/rotation'

/** Starts it with file storage in a folder of its own; it answers when this resolves. */
export async function startBlankVault(): Promise<{ address: string; close(): Promise<void> }> {
  const { vault } = await realServerPrograms('vault')
  const folder = await mkdtemp(join(tmpdir(), 'chaveiro-blank-vault-'))
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  const configuration = {
    disable_mlock: true,
    api_addr: address,
    storage: { file: { path: join(folder, 'storage') } },
    listener: { tcp: { address: `127.0.0.1:${port}`, tls_disable: true } },
  }
  await mkdir(join(folder, 'storage'))
  await writeFile(join(folder, 'vault.json'), JSON.stringify(configuration))
  const options = { stdio: 'ignore', env: { HOME: folder } } as const
  const child = spawn(vault as string, ['server', `-config=${join(folder, 'vault.json')}`], options)
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.kill()) await once(child, 'exit')
    await rm(folder, { recursive: true, force: true })
  }
  for (let tries = 0; ; tries += 1) {
    const answered = await fetch(`${address}/v1/sys/health`).catch(() => undefined)
    if (answered) return { address, close }
    if (tries > 100 || child.exitCode !== null) {
      await close()
      throw new Error('a blank Vault did not answer in time')
    }
    await sleep(systemClock, 200)
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
