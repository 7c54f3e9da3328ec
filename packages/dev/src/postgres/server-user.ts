/**
 * The user PostgreSQL runs as. It refuses root, so that root lends it to `nobody`; anybody else runs it as oneself.
 * @module
 */
import { spawn } from 'node:child_process'
import { chown, readFile } from 'node:fs/promises'

/** What a program left behind when it ended. */
interface Outcome {
  /** Exit code; `undefined` when the program could not be started or died of a signal. */
  readonly exitCode: number | undefined
  /** The last kilobytes of both outputs. */
  readonly output: string
}

const keptOutputBytes = 8192

/** Nothing of ours is inherited: no secret, and no PG* variable that would change what PostgreSQL does. */
export const serverEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/** Runs programs and owns files as the server does. */
export class ServerUser {
  /** Absent: the user of this process. */
  readonly #ids: { readonly uid: number; readonly gid: number } | undefined

  private constructor(ids: { uid: number; gid: number } | undefined) {
    this.#ids = ids
  }

  static async choose(): Promise<ServerUser> {
    return new ServerUser(process.getuid?.() === 0 ? await nobody() : undefined)
  }

  /** The user's name for messages. */
  get label(): string {
    return this.#ids ? `nobody (uid ${this.#ids.uid})` : 'the current user'
  }

  /** For `child_process.spawn`; empty when it is the user of this process. */
  get spawnIds(): { uid?: number; gid?: number } {
    // libuv takes signed ids; macOS counts `nobody` as -2.
    return this.#ids ? { uid: this.#ids.uid | 0, gid: this.#ids.gid | 0 } : {}
  }

  /** Gives a file or folder to the user. */
  async own(path: string): Promise<void> {
    if (this.#ids) await chown(path, this.#ids.uid, this.#ids.gid)
  }

  /** Whether the user can enter `folder`, tried for real. */
  async canEnter(folder: string): Promise<boolean> {
    return (await this.run('/bin/sh', ['-c', 'cd "$1"', 'sh', folder])).exitCode === 0
  }

  /** Runs a program to its end. Never rejects. */
  run(program: string, args: readonly string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const child = spawn(program, args, {
        ...this.spawnIds,
        // The folder of this process may be closed to that user.
        cwd: '/',
        env: serverEnvironment,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let output = ''
      const keep = (chunk: string): void => {
        output = (output + chunk).slice(-keptOutputBytes)
      }
      child.stdout.setEncoding('utf8').on('data', keep)
      child.stderr.setEncoding('utf8').on('data', keep)
      child.once('error', (error) => resolve({ exitCode: undefined, output: error.message }))
      child.once('close', (exitCode) => resolve({ exitCode: exitCode ?? undefined, output }))
    })
  }
}

async function nobody(): Promise<{ uid: number; gid: number }> {
  const accounts = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const [, uid = '65534', gid = '65534'] = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(accounts) ?? []
  return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }
}
