/**
 * A real Alertmanager on loopback, which tells a webhook of every alert.
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onFreePort } from '../loopback-port.js'
import { ServerProcess } from '../server-process.js'
import { realServerPrograms } from './programs.js'

export interface RealAlertmanagerOptions {
  /** Where notifications go, with `POST`. */
  readonly webhook: string
  /** An existing folder in which the server makes its own. Default: the system's folder for temporary files. */
  readonly folder?: string
}

/** One server. Whoever starts it closes it; it keeps the process alive until then. */
export class RealAlertmanager implements AsyncDisposable {
  readonly #folder: string
  readonly #port: number
  /** For its log. */
  readonly process: ServerProcess
  #closed: Promise<void> | undefined

  private constructor(folder: string, port: number, process: ServerProcess) {
    this.#folder = folder
    this.#port = port
    this.process = process
  }

  /**
   * Starts a server on a free port; it is ready when this resolves.
   * @throws {DevError} `ERR_DEV_SERVER_MISSING` when Alertmanager was not obtained, `ERR_DEV_SERVER_START` when it
   *   does not come up; nothing is left behind then
   */
  static async start({ webhook, folder: parent }: RealAlertmanagerOptions): Promise<RealAlertmanager> {
    const { alertmanager: program } = await realServerPrograms('alertmanager')
    const folder = await mkdtemp(join(parent ?? tmpdir(), 'chaveiro-alertmanager-'))
    try {
      await writeFile(join(folder, 'alertmanager.yaml'), JSON.stringify(configuration(webhook)))
      return await onFreePort(async (port) => {
        const process = await startProcess(program as string, folder, port)
        return new RealAlertmanager(folder, port, process)
      })
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** `127.0.0.1:port`, as Prometheus names it. */
  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** Stops the server and removes its folder. Calling it again is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.process.close().then(() => rm(this.#folder, { recursive: true, force: true }))
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Tells at once, of firing and of resolved alerts, each alert of each service by itself. */
function configuration(webhook: string): object {
  return {
    global: { resolve_timeout: '5s' },
    route: {
      receiver: 'webhook',
      group_by: ['alertname', 'job'],
      group_wait: '1s',
      group_interval: '1s',
      repeat_interval: '1h',
    },
    receivers: [{ name: 'webhook', webhook_configs: [{ url: webhook, send_resolved: true }] }],
  }
}

function startProcess(program: string, folder: string, port: number): Promise<ServerProcess> {
  return ServerProcess.start({
    name: 'alertmanager',
    program,
    args: [
      `--config.file=${join(folder, 'alertmanager.yaml')}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      // One server: it looks for no others, and opens no port for them.
      '--cluster.listen-address=',
    ],
    folder,
    ownsFolder: true,
    listeningLine: /Listening on/,
    ready: async (signal) => (await fetch(`http://127.0.0.1:${port}/-/ready`, { signal })).ok,
  })
}
