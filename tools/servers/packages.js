/**
 * Real servers that come as Debian packages: fetched and unpacked into the cache, never installed, so that no
 * system service starts and nobody has to be root. One more server is one more row.
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { BuildError } from './build.js'
import { cacheFolder } from './cache.js'
import { onPath } from './go.js'

/**
 * @typedef {object} ServerPackage
 * @property {string} name what people give on the command line
 * @property {string} title
 * @property {string} package name of the Debian package
 * @property {Record<string, string>} programs program name to path within the package
 */

/** @type {readonly ServerPackage[]} */
export const serverPackages = [
  {
    name: 'prometheus',
    title: 'Prometheus',
    package: 'prometheus',
    programs: { prometheus: 'usr/bin/prometheus', promtool: 'usr/bin/promtool' },
  },
  {
    name: 'alertmanager',
    title: 'Alertmanager',
    package: 'prometheus-alertmanager',
    programs: { alertmanager: 'usr/bin/prometheus-alertmanager', amtool: 'usr/bin/amtool' },
  },
]

const tools = ['apt-get', 'dpkg-deb']

/** Holds `root/`, the unpacked package, and `built.json`. @param {ServerPackage} row */
const packageFolder = (row, env = process.env) =>
  join(cacheFolder(env), `${row.name}-debian-${process.platform}-${process.arch}`)

/** Where it is noted why it could not be had. @param {ServerPackage} row */
export const packageRefusalFile = (row, env = process.env) => `${packageFolder(row, env)}.unavailable.json`

/** @returns {{ version: string, folder: string, programs: Record<string, string> } | undefined} */
export function findPackage(row, env = process.env) {
  const folder = packageFolder(row, env)
  const facts = join(folder, 'built.json')
  if (!existsSync(facts)) return undefined
  const programs = Object.fromEntries(
    Object.entries(row.programs).map(([name, path]) => [name, join(folder, 'root', path)]),
  )
  return { ...JSON.parse(readFileSync(facts, 'utf8')), folder, programs }
}

/** Why it cannot be had here, or nothing. @returns {import('./go.js').Refusal | undefined} */
export function packageRefusal(row, env = process.env) {
  const missing = tools.filter((tool) => !onPath(tool, env))
  if (missing.length === 0) return undefined
  return {
    reason: `${missing.join(' and ')} not found: the package ${row.package} is taken from Debian or Ubuntu`,
    cure: 'run the tests on Debian or Ubuntu, or in a container of theirs',
  }
}

/**
 * Fetches and unpacks; whole or not at all.
 * @throws {BuildError} with what apt said
 */
export async function unpack(row, progress, signal) {
  const folder = packageFolder(row)
  const temporary = `${folder}.unpacking-${process.pid}`
  rmSync(temporary, { recursive: true, force: true })
  mkdirSync(temporary, { recursive: true })
  try {
    const file = await download(row, temporary, progress, signal)
    const version = (await run('dpkg-deb', ['--field', file, 'Version'], temporary, signal)).trim()
    await run('dpkg-deb', ['--extract', file, 'root'], temporary, signal)
    rmSync(join(temporary, file))
    const facts = { version: /^\d+(\.\d+)*/.exec(version)?.[0] ?? version, package: version }
    writeFileSync(join(temporary, 'built.json'), `${JSON.stringify({ ...facts, builtAt: new Date().toISOString() })}\n`)
    if (!findPackage(row)) renameSync(temporary, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** @returns {Promise<string>} name of the file */
async function download(row, folder, progress, signal) {
  progress.show(`fetching the package ${row.package}`)
  const fetchIt = () => run('apt-get', ['download', row.package], folder, signal)
  try {
    await fetchIt()
  } catch (error) {
    // A fresh container has no lists yet; only root may fetch them.
    if (signal.aborted || process.getuid?.() !== 0) throw error
    progress.show('fetching the lists of packages')
    await run('apt-get', ['update'], folder, signal)
    await fetchIt()
  }
  return readdirSync(folder).find((name) => name.endsWith('.deb'))
}

/** @returns {Promise<string>} what it printed */
async function run(program, args, cwd, signal) {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], signal })
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  const code = await new Promise((resolve, reject) => {
    child.once('error', (error) => error.name === 'AbortError' || reject(error)).once('close', resolve)
  })
  signal.throwIfAborted()
  const [output, complaints] = await said
  if (code !== 0) throw new BuildError(`${program} ${args[0]} failed:\n${complaints.trim()}`)
  return output
}
