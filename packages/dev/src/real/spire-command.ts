/**
 * The `spire-server` command against one running server: how operators talk to SPIRE.
 * @module
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { DevError } from '../errors.js'

const run = promisify(execFile)

interface Status {
  code: number
  message: string
}

/** Runs subcommands and reads their JSON. */
export class SpireCommand {
  readonly #program: string
  readonly #socket: string

  constructor(program: string, socket: string) {
    this.#program = program
    this.#socket = socket
  }

  /**
   * Runs one subcommand, for instance `['entry', 'show']`.
   * @returns what it printed; releases before 1.15 wrapped the object in a list
   * @throws {DevError} `ERR_DEV_SERVER_COMMAND` when the command fails, or when a result in its answer is an error
   */
  async json<T extends object>(subcommand: readonly string[], options: readonly string[] = []): Promise<T> {
    const printed: unknown = JSON.parse(await this.text(subcommand, ['-output', 'json', ...options]))
    const answer = (Array.isArray(printed) ? printed[0] : printed) as T & { results?: { status: Status }[] }
    // A refused entry is told by a status in the answer; the exit code is 0 all the same.
    const refused = answer.results?.find(({ status }) => status.code !== 0)
    if (refused) throw failure(subcommand, `${refused.status.message} (gRPC code ${refused.status.code})`)
    return answer
  }

  /** The program's version, for instance `1.15.3-dev-unk`. */
  async version(): Promise<string> {
    const { stdout, stderr } = await run(this.#program, ['--version'], { env: {} })
    return (stdout + stderr).trim()
  }

  /** Runs one subcommand and returns what it printed. */
  async text(subcommand: readonly string[], options: readonly string[] = []): Promise<string> {
    const args = [...subcommand, '-socketPath', this.#socket, ...options]
    try {
      return (await run(this.#program, args, { env: {}, maxBuffer: 64 * 1024 * 1024 })).stdout
    } catch (cause) {
      const { stderr = '', message } = cause as Error & { stderr?: string }
      throw failure(subcommand, stderr.trim() || message, cause)
    }
  }
}

function failure(subcommand: readonly string[], why: string, cause?: unknown): DevError {
  return new DevError('ERR_DEV_SERVER_COMMAND', `spire-server ${subcommand.join(' ')}: ${why}`, {
    cure: "The server's log, in its folder, says more.",
    cause,
  })
}
