/**
 * How several services on one machine get identities of their own: SPIRE must be able to tell their processes
 * apart. As root each runs under a uid of its own; anybody else gives each a node program of its own path.
 * @module
 */
import { execFile } from 'node:child_process'
import { constants, copyFile, link, mkdir, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** How the services are told apart. */
export type WorkloadSeparation = 'uid' | 'path'

/** What the runner must know to choose. */
export interface WorkloadRunnerOptions {
  /** An existing folder of the caller's, on the disk that programs may run from; links to node go into it. */
  folder: string
  /** Files and folders that every service reads: its script, the Workload API's socket. */
  reads: readonly string[]
  /** Default: chosen by what works here. */
  separation?: WorkloadSeparation
}

/** One service: how SPIRE knows it, and how to start it so that SPIRE does. */
export interface WorkloadPlace {
  /** For its registration entry. */
  readonly selectors: readonly string[]
  /** For `child_process`: `spawn(execPath, args, { uid, gid })`, or `fork(script, args, spawnOptions)`. */
  readonly spawnOptions: { readonly execPath: string; readonly uid?: number; readonly gid?: number }
}

/** Far above the accounts that systems and people get, below `nobody`. */
const firstUid = 64_200

/** Gives each service its place. */
export class WorkloadRunner {
  readonly separation: WorkloadSeparation
  /** What was chosen and why, in one line. */
  readonly explanation: string
  readonly #folder: string
  readonly #takenUids: ReadonlySet<number>
  readonly #places = new Map<string, Promise<WorkloadPlace>>()
  #nextUid = firstUid

  private constructor(separation: WorkloadSeparation, why: string, folder: string, takenUids: ReadonlySet<number>) {
    const how = { uid: 'a uid of its own (unix:uid)', path: 'a node program of its own (unix:path)' }
    this.separation = separation
    this.explanation = `each service has ${how[separation]}: ${why}`
    this.#folder = folder
    this.#takenUids = takenUids
  }

  static async choose(options: WorkloadRunnerOptions): Promise<WorkloadRunner> {
    const takenUids = await accountUids()
    const [separation, why] = options.separation
      ? [options.separation, 'it was asked for']
      : await chooseSeparation(options.reads)
    return new WorkloadRunner(separation, why, await realpath(options.folder), takenUids)
  }

  /** The place of one service; the same each time it is asked for. */
  place(service: string): Promise<WorkloadPlace> {
    const place = this.#places.get(service) ?? this.#make(service)
    this.#places.set(service, place)
    return place
  }

  async #make(service: string): Promise<WorkloadPlace> {
    if (this.separation === 'path') {
      const execPath = await nodeNamed(service, this.#folder)
      return { selectors: [`unix:path:${execPath}`], spawnOptions: { execPath } }
    }
    while (this.#takenUids.has(this.#nextUid)) this.#nextUid += 1
    const uid = this.#nextUid++
    return { selectors: [`unix:uid:${uid}`], spawnOptions: { execPath: process.execPath, uid, gid: uid } }
  }
}

async function chooseSeparation(reads: readonly string[]): Promise<[WorkloadSeparation, string]> {
  if (process.getuid?.() !== 0) return ['path', 'only root can start processes under other uids']
  // Tried for real: permissions, mount options and confinement all have a say.
  const script = 'for (const path of process.argv.slice(1)) require("node:fs").accessSync(path)'
  try {
    const ids = { uid: firstUid, gid: firstUid }
    await promisify(execFile)(process.execPath, ['-e', script, ...reads], { ...ids, cwd: '/', env: {} })
    return ['uid', 'this is root, and other users can run node and read what the services need']
  } catch (error) {
    const denied = /(EACCES|EPERM|ENOENT)[^\n]*/.exec(error instanceof Error ? error.message : '')?.[0]
    return ['path', `other users cannot run node or read what the services need (${denied ?? 'it was tried'})`]
  }
}

/** A hard link costs nothing; across disks, or where the system forbids it, a copy does. */
async function nodeNamed(service: string, folder: string): Promise<string> {
  const home = join(folder, 'programs')
  await mkdir(home, { recursive: true })
  const program = join(home, service)
  const node = await realpath(process.execPath)
  await link(node, program).catch(() => copyFile(node, program, constants.COPYFILE_FICLONE))
  return program
}

async function accountUids(): Promise<ReadonlySet<number>> {
  const accounts = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return new Set(accounts.split('\n').map((line) => Number(line.split(':')[2])))
}
