/**
 * Obtains the real servers: `npm run servers`, and the first step of `npm test`. What has been built is found
 * without running anything; what has not is built once, with its progress shown.
 *
 *     node tools/servers/obtain.js [--only vault,spire] [--required] [--check]
 *
 * `--check` prints what is there as JSON and builds nothing. Exit codes: 0 done (also when a server cannot be
 * had here: its tests are then listed as not run), 2 usage, 3 with `--required` when one cannot be had.
 * @module
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { BuildError, build } from './build.js'
import { buildsFolder, findBuilt, refusalFile, requiredVersion } from './cache.js'
import { findGo, refusal } from './go.js'
import { lock } from './lock.js'
import { serverModules } from './modules.js'
import { findPackage, packageRefusal, packageRefusalFile, serverPackages, unpack } from './packages.js'
import { duration, Progress } from './progress.js'
import { serverStates } from './states.js'

const exitCodes = { done: 0, usage: 2, unavailable: 3, interrupted: 130 }

/** @returns {Promise<boolean>} whether the server is there now */
async function obtain(module, go, output, signal) {
  const title = `${module.title} ${requiredVersion(module)}`
  const built = findBuilt(module, go?.version)
  if (built) return welcome(title, built, output)
  const no = refusal(module, go)
  if (!no) return buildOnce(module, title, go, output, signal)
  // What another Go built before is better than nothing.
  const older = findBuilt(module)
  return older ? welcome(title, older, output) : refuse(refusalFile(module), title, no, output)
}

async function buildOnce(module, title, go, output, signal) {
  const progress = new Progress(title, output)
  let release
  try {
    release = await lock(`${buildsFolder(module)}.lock`, signal, (pid) =>
      progress.show(`process ${pid} is building it`),
    )
    if (!findBuilt(module, go.version)) {
      progress.say(`building it once with ${go.version} (a first build takes ${module.coldBuild})`)
      await build(module, go, progress, signal)
      progress.say(`built in ${duration(progress.seconds)}`)
    }
    rmSync(refusalFile(module), { force: true })
    return welcome(title, findBuilt(module, go.version), output)
  } catch (error) {
    if (signal.aborted || !(error instanceof BuildError || error.syscall)) throw error
    const cure = 'npm run servers, once the cause is gone'
    return refuse(refusalFile(module), title, { reason: error.message, cure }, output)
  } finally {
    progress.end()
    release?.()
  }
}

/** @returns {Promise<boolean>} whether the server is there now */
async function obtainPackage(row, output, signal) {
  const found = findPackage(row)
  if (found) return welcome(`${row.title} ${found.version}`, found, output)
  const no = packageRefusal(row)
  if (no) return refuse(packageRefusalFile(row), row.title, no, output)
  const progress = new Progress(row.title, output)
  try {
    await unpack(row, progress, signal)
    rmSync(packageRefusalFile(row), { force: true })
    return welcome(row.title, findPackage(row), output)
  } catch (error) {
    if (signal.aborted || !(error instanceof BuildError || error.syscall)) throw error
    const cure = 'npm run servers, once the cause is gone'
    return refuse(packageRefusalFile(row), row.title, { reason: error.message, cure }, output)
  } finally {
    progress.end()
  }
}

function welcome(title, built, output) {
  output.write(`${title}: ready in ${built.folder}\n`)
  return true
}

/** Notes why, for the tests that will not run. */
function refuse(file, title, { reason, cure }, output) {
  output.write(`${title}: not available: ${reason}\n  cure: ${cure}\n`)
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, JSON.stringify({ reason, cure, at: new Date().toISOString() }))
  } catch (error) {
    output.write(`${title}: this could not be noted: ${error.message}\n`)
  }
  return false
}

function readArguments() {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, required: { type: 'boolean' }, check: { type: 'boolean' } },
  })
  const names = values.only?.split(',')
  const known = [...serverModules, ...serverPackages].map(({ name }) => name)
  const unknown = names?.filter((name) => !known.includes(name)) ?? []
  if (unknown.length > 0) {
    throw new TypeError(`--only: no such server: ${unknown.join(', ')}; there are ${known.join(', ')}`)
  }
  const isAsked = ({ name }) => names?.includes(name) ?? true
  return { ...values, modules: serverModules.filter(isAsked), packages: serverPackages.filter(isAsked) }
}

async function main() {
  let options
  try {
    options = readArguments()
  } catch (error) {
    console.error(error.message)
    return exitCodes.usage
  }
  if (options.check) {
    console.log(JSON.stringify({ servers: serverStates() }, undefined, 2))
    return exitCodes.done
  }
  const interruption = new AbortController()
  // Every time: a terminal or a wrapper may send it twice, and Go must be waited for.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interruption.abort())
  try {
    let all = true
    for (const row of options.packages) all = (await obtainPackage(row, process.stderr, interruption.signal)) && all
    const go = options.modules.length > 0 ? findGo() : undefined
    for (const module of options.modules) all = (await obtain(module, go, process.stderr, interruption.signal)) && all
    return all || !options.required ? exitCodes.done : exitCodes.unavailable
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    console.error('interrupted; nothing half-built is left')
    return exitCodes.interrupted
  }
}

process.exitCode = await main()
