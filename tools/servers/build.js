/**
 * Builds one server with Go's own client: checksums are verified, go.mod and go.sum are never written.
 * @module
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buildFlags, buildsFolder, findBuilt, requiredVersion, sourceFolder } from './cache.js'
import { isAlive } from './lock.js'

/** A build that did not work; `message` ends with what Go said. */
export class BuildError extends Error {}

/**
 * @param {import('./modules.js').ServerModule} module
 * @param {import('./go.js').Go} go
 * @param {import('./progress.js').Progress} progress
 * @param {AbortSignal} signal ends the build and leaves nothing behind
 */
export async function build(module, go, progress, signal) {
  const home = buildsFolder(module)
  const temporary = join(home, `.building-${process.pid}`)
  removeAbandoned(home)
  mkdirSync(temporary, { recursive: true })
  try {
    await compile(module, go, temporary, progress, signal)
    for (const name of Object.keys(module.programs)) chmodSync(join(temporary, name), 0o755)
    const facts = {
      version: requiredVersion(module),
      goVersion: go.version,
      builtAt: new Date().toISOString(),
      buildSeconds: Math.round(progress.seconds),
    }
    writeFileSync(join(temporary, 'built.json'), `${JSON.stringify(facts, undefined, 2)}\n`)
    publish(temporary, join(home, go.version), module, go)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

async function compile(module, go, folder, progress, signal) {
  const packages = Object.values(module.programs)
  const run = (args, onOutput) => runGo(go, args, module, { onOutput, signal })
  let downloads = 0
  progress.show('reading the module')
  const listed = await run(['list', '-mod=readonly', '-deps', ...packages], (line) => {
    if (line.startsWith('go: downloading')) progress.show(`downloading modules, ${++downloads} so far`)
  })
  let compiled = 0
  progress.show(`compiling ${listed.length} packages`)
  await run(['build', ...buildFlags, '-v', '-o', `${folder}/`, ...packages], (line) => {
    if (line.startsWith('go: downloading')) return progress.show(`downloading modules, ${++downloads} so far`)
    const doing = packages.includes(line) ? 'linking' : 'compiling'
    progress.show(`${doing}, ${++compiled} of at most ${listed.length} packages done`)
  })
}

/** Runs Go in the module's folder; resolves with the lines of its standard output. */
async function runGo(go, args, module, { onOutput, signal }) {
  const child = spawn(go.program, args, {
    cwd: sourceFolder(module),
    env: goEnvironment(module),
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  })
  const output = []
  const complaints = []
  createInterface(child.stdout).on('line', (line) => output.push(line))
  createInterface(child.stderr).on('line', (line) => {
    complaints.push(line)
    onOutput(line)
  })
  const code = await new Promise((resolve, reject) => {
    // An aborted Go is waited for as well: it writes until it has ended.
    child.once('error', (error) => error.name === 'AbortError' || reject(error)).once('close', resolve)
  })
  signal.throwIfAborted()
  if (code !== 0) throw new BuildError(`go ${args[0]} failed:\n${complaints.slice(-12).join('\n')}`)
  return output
}

/** What could make two machines build different things from the same module is settled here. */
function goEnvironment(module) {
  const { GOOS: _os, GOARCH: _arch, ...env } = process.env
  return {
    ...env,
    GOFLAGS: '-buildvcs=false',
    GOWORK: 'off',
    GO111MODULE: 'on',
    ...(module.needsC && { CGO_ENABLED: '1' }),
  }
}

function publish(temporary, folder, module, go) {
  try {
    renameSync(temporary, folder)
  } catch (error) {
    // Another builder was first; its build is as good as this one.
    if (!findBuilt(module, go.version)) throw error
  }
}

/** Folders of builders that were killed. */
function removeAbandoned(home) {
  mkdirSync(home, { recursive: true })
  for (const name of readdirSync(home)) {
    const pid = /^\.building-(\d+)$/.exec(name)?.[1]
    if (pid && !isAlive({ pid: Number(pid) })) rmSync(join(home, name), { recursive: true, force: true })
  }
}
