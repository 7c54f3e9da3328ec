/**
 * The Go toolchain of this machine, judged without running it where possible: running it costs more than all
 * else that a second `npm run servers` does.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { sourceFolder } from './cache.js'

const download = 'https://go.dev/dl/'

/** @typedef {{ program: string, version: string }} Go `version` as Go writes it: `go1.26.8` */
/** @typedef {{ reason: string, cure: string }} Refusal */

/** @returns {Go | undefined} */
export function findGo(env = process.env) {
  const program = onPath('go', env)
  if (!program) return undefined
  const version = versionFile(program) ?? spawnSync(program, ['env', 'GOVERSION'], { encoding: 'utf8' }).stdout?.trim()
  return version ? { program, version } : undefined
}

/**
 * Why this Go cannot build the module, or nothing when it can. Go 1.21 and later fetch the toolchain that a
 * go.mod asks for, unless they are told not to.
 * @param {import('./modules.js').ServerModule} module
 * @param {Go | undefined} go
 * @returns {Refusal | undefined}
 */
export function refusal(module, go, env = process.env) {
  const wanted = wantedVersion(module)
  if (!go) return { reason: 'Go is not installed', cure: `install Go ${wanted} or later (${download})` }
  if (compareVersions(go.version, wanted) < 0 && !fetchesToolchains(go, env)) {
    const reason = `${go.version} is too old: go.mod asks for Go ${wanted}`
    return { reason, cure: `install Go ${wanted} or later (${download})` }
  }
  if (module.needsC && !['cc', 'gcc', 'clang', env.CC].some((name) => name && onPath(name, env))) {
    return { reason: 'no C compiler was found', cure: 'install gcc or clang' }
  }
  return undefined
}

/** @param {import('./modules.js').ServerModule} module */
export function wantedVersion(module) {
  const text = readFileSync(join(sourceFolder(module), 'go.mod'), 'utf8')
  return /^toolchain go(\S+)/m.exec(text)?.[1] ?? /^go (\S+)/m.exec(text)?.[1] ?? '0'
}

/** Below zero when `a` is the older one. Pre-releases (`1.27rc1`) count as their release. */
export function compareVersions(a, b) {
  const parts = (version) => (version.match(/\d+(\.\d+)*/)?.[0] ?? '0').split('.').map(Number)
  const [left, right] = [parts(a), parts(b)]
  const difference = [0, 1, 2].map((index) => (left[index] ?? 0) - (right[index] ?? 0)).find((each) => each !== 0)
  return difference ?? 0
}

function fetchesToolchains(go, env) {
  if (compareVersions(go.version, '1.21') < 0) return false
  const told = env.GOTOOLCHAIN || spawnSync(go.program, ['env', 'GOTOOLCHAIN'], { encoding: 'utf8' }).stdout?.trim()
  return told === 'auto' || told === 'path' || /\+(auto|path)$/.test(told ?? '')
}

/** Every Go distribution has its version in a file beside `bin`. */
function versionFile(program) {
  try {
    const root = dirname(dirname(realpathSync(program)))
    return /^go\d\S*/.exec(readFileSync(join(root, 'VERSION'), 'utf8'))?.[0]
  } catch {
    return undefined
  }
}

/** @returns {string | undefined} path of a program */
export function onPath(name, env) {
  const folders = name.includes('/') ? [''] : (env.PATH ?? '').split(delimiter)
  return folders.map((folder) => (folder ? join(folder, name) : name)).find(isExecutable)
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
