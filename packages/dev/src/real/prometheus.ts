/**
 * A real Prometheus on loopback: it scrapes what it is told to, evaluates rules, and sends alerts on.
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DevError } from '../errors.js'
import { onFreePort } from '../loopback-port.js'
import { ServerProcess } from '../server-process.js'
import { realServerPrograms } from './programs.js'

/** One process that Prometheus scrapes. */
export interface ScrapeTarget {
  /** `host:port` of what serves `/metrics`. */
  readonly address: string
  /** `job`, `namespace` and the like: what Prometheus adds to every series. `job` must be there. */
  readonly labels: Readonly<Record<string, string>> & { readonly job: string }
}

export interface RealPrometheusOptions {
  readonly targets: readonly ScrapeTarget[]
  /** A rules file, as YAML. */
  readonly rules?: string
  /** `host:port` of an Alertmanager. */
  readonly alertmanager?: string
  /** Between two scrapes, and two evaluations of the rules, in seconds. Default 1. */
  readonly intervalSeconds?: number
  /** An existing folder in which the server makes its own. Default: the system's folder for temporary files. */
  readonly folder?: string
}

/** One series of an answer, with its values over time. */
export interface QueriedSeries {
  readonly metric: Readonly<Record<string, string>>
  /** Unix seconds, and the value. */
  readonly values: readonly (readonly [atSeconds: number, value: number])[]
}

interface Answer<T> {
  readonly status: 'success' | 'error'
  readonly error?: string
  readonly data: T
}

/** One server. Whoever starts it closes it; it keeps the process alive until then. */
export class RealPrometheus implements AsyncDisposable {
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
   * @throws {DevError} `ERR_DEV_SERVER_MISSING` when Prometheus was not obtained, `ERR_DEV_SERVER_START` when it does
   *   not come up, for instance for rules that it does not accept; nothing is left behind then
   */
  static async start(options: RealPrometheusOptions): Promise<RealPrometheus> {
    const { prometheus: program } = await realServerPrograms('prometheus')
    const folder = await mkdtemp(join(options.folder ?? tmpdir(), 'chaveiro-prometheus-'))
    try {
      // Prometheus reads YAML, which JSON is.
      await writeFile(join(folder, 'prometheus.yaml'), JSON.stringify(configuration(options)))
      await writeFile(join(folder, 'rules.yaml'), options.rules ?? 'groups: []\n')
      return await onFreePort(async (port) => {
        const process = await startProcess(program as string, folder, port)
        return new RealPrometheus(folder, port, process)
      })
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** `http://127.0.0.1:port` */
  get address(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** The values of this moment. @throws {DevError} `ERR_DEV_SERVER_COMMAND` for a query that it does not understand */
  async query(query: string): Promise<readonly QueriedSeries[]> {
    const { result } = await this.#get<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
      'query',
      { query },
    )
    return result.map(({ metric, value }) => ({ metric, values: [sampleOf(value)] }))
  }

  /** The values of a time, in Unix seconds. @throws {DevError} as {@link query} does */
  async queryRange(
    query: string,
    range: { startSeconds: number; endSeconds: number; stepSeconds: number },
  ): Promise<readonly QueriedSeries[]> {
    const { startSeconds, endSeconds, stepSeconds } = range
    const { result } = await this.#get<{ result: { metric: Record<string, string>; values: [number, string][] }[] }>(
      'query_range',
      { query, start: String(startSeconds), end: String(endSeconds), step: String(stepSeconds) },
    )
    return result.map(({ metric, values }) => ({ metric, values: values.map(sampleOf) }))
  }

  /** What the targets said of each of their metrics. */
  async metadata(): Promise<Readonly<Record<string, readonly { type: string; help: string; unit: string }[]>>> {
    return this.#get('metadata', {})
  }

  /** Stops the server and removes its folder. Calling it again is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.process.close().then(() => rm(this.#folder, { recursive: true, force: true }))
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #get<T>(what: string, parameters: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.address}/api/v1/${what}?${new URLSearchParams(parameters)}`)
    const answer = (await response.json()) as Answer<T>
    if (answer.status === 'success') return answer.data
    throw new DevError('ERR_DEV_SERVER_COMMAND', `Prometheus refused ${parameters.query ?? what}: ${answer.error}`, {
      cure: 'Correct the query; `promtool check rules` and the query browser of Prometheus say where it is wrong.',
    })
  }
}

const sampleOf = ([at, value]: [number, string]): readonly [number, number] => [
  at,
  Number(value.replace('Inf', 'Infinity')),
]

function configuration({ targets, alertmanager, intervalSeconds = 1 }: RealPrometheusOptions): object {
  const interval = `${intervalSeconds}s`
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: ['rules.yaml'],
    scrape_configs: [
      {
        job_name: 'chaveiro',
        static_configs: targets.map(({ address, labels }) => ({ targets: [address], labels })),
      },
    ],
    ...(alertmanager === undefined
      ? {}
      : { alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] } }),
  }
}

function startProcess(program: string, folder: string, port: number): Promise<ServerProcess> {
  return ServerProcess.start({
    name: 'prometheus',
    program,
    args: [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    folder,
    ownsFolder: true,
    listeningLine: /Server is ready to receive web requests/,
    ready: async (signal) => (await fetch(`http://127.0.0.1:${port}/-/ready`, { signal })).ok,
  })
}
