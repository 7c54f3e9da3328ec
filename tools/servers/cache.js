/**
 * Where built servers are kept: outside the checkout, so that a fresh clone of the same versions starts at once.
 * `<cache>/servers/<name>-<hash of the module's files, flags and platform>/<Go version>/` holds the programs and
 * `built.json`; it appears by one rename, so what is there is whole.
 * @module
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, relative, sep } from 'node:path'

/** What every server is built with; part of the key. */
export const buildFlags = ['-mod=readonly', '-trimpath', '-ldflags', '-s -w']

/** @typedef {import('./modules.js').ServerModule} ServerModule */
/**
 * @typedef {object} BuiltServer
 * @property {string} version of the server, as its go.mod requires it
 * @property {string} goVersion that built it
 * @property {string} builtAt ISO 8601
 * @property {number} buildSeconds
 * @property {string} folder
 * @property {Record<string, string>} programs name to absolute path
 */

/** @param {NodeJS.ProcessEnv} env */
export function cacheFolder(env = process.env) {
  const root = env.CHAVEIRO_CACHE_DIR || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'chaveiro')
  return join(root, 'servers')
}

/** The folder of the Go module. @param {ServerModule} module */
export const sourceFolder = (module) => join(import.meta.dirname, module.name)

/** The folder that holds the builds of exactly these sources, by Go version. @param {ServerModule} module */
export const buildsFolder = (module, env = process.env) =>
  join(cacheFolder(env), `${module.name}-${sourceHash(module)}`)

/** Where it is noted why these sources could not be built. @param {ServerModule} module */
export const refusalFile = (module, env = process.env) => `${buildsFolder(module, env)}.unavailable.json`

/** @param {ServerModule} module */
export function sourceHash(module) {
  const folder = sourceFolder(module)
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(\.go|^go\.(mod|sum))$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  const hash = createHash('sha256')
  for (const file of files) {
    const name = relative(folder, file).split(sep).join('/')
    hash.update(`${name}\0`).update(readFileSync(file)).update('\0')
  }
  const recipe = { flags: buildFlags, programs: module.programs, platform: `${process.platform}-${process.arch}` }
  return hash.update(JSON.stringify(recipe)).digest('hex').slice(0, 16)
}

/** The version that the module's go.mod requires, without the `v`. @param {ServerModule} module */
export function requiredVersion(module) {
  const text = readFileSync(join(sourceFolder(module), 'go.mod'), 'utf8')
  const line = text.split('\n').find((each) => each.includes(`${module.versionOf} v`))
  return /\sv(\S+)/.exec(line ?? '')?.[1] ?? 'unknown'
}

/**
 * A build of exactly these sources: by the Go version that is asked for, else by whichever built last. Nothing
 * is run to find it.
 * @param {ServerModule} module
 * @param {string} [goVersion]
 * @returns {BuiltServer | undefined}
 */
export function findBuilt(module, goVersion, env = process.env) {
  const folder = buildsFolder(module, env)
  const versions = goVersion ? [goVersion] : listFolders(folder)
  const builds = versions.map((version) => readJson(join(folder, version, 'built.json'))).filter(Boolean)
  builds.sort((a, b) => b.builtAt.localeCompare(a.builtAt))
  const [newest] = builds
  if (!newest) return undefined
  const home = join(folder, newest.goVersion)
  const programs = Object.fromEntries(Object.keys(module.programs).map((name) => [name, join(home, name)]))
  return { ...newest, folder: home, programs }
}

function listFolders(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** What is in a file, or nothing. */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
