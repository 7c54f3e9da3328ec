/**
 * Free ports on the loopback interface.
 * @module
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/**
 * A port on 127.0.0.1 that was free a moment ago. Another process may take it before it is used, so a server
 * that is told its port is started again with another one when it cannot listen.
 */
export async function freeLoopbackPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const portAttempts = 5

/**
 * Starts a server on a free port, again on another one when somebody took the port in between.
 * @throws what `start` throws for any other reason
 */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freeLoopbackPort())
    } catch (error) {
      if (attempt === portAttempts || !portWasTaken(error)) throw error
    }
  }
}

/** Servers say it in their log, whose end is part of the error. */
function portWasTaken(error: unknown): boolean {
  return error instanceof Error && /address already in use/i.test(error.message)
}
