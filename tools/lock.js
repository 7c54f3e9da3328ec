/**
 * Writes `package-lock.json` anew: `node tools/lock.js`. npm leaves optional packages out of it that the registry in
 * use does not show, such as programs for other platforms, and `npm ci` then refuses the file. They are entered here
 * by what their parents ask for, with the platform that their names tell, so that the file serves every platform.
 * @module
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..')

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64']
const processorAliases = { armv7: 'arm', aarch64: 'arm64' }

/** @param {string} name @returns {{ os?: string[], cpu?: string[], libc?: string[] }} */
function platformOf(name) {
  const words = name.split(/[/-]/)
  const os = words.find((word) => systems.includes(word))
  const cpu = words.map((word) => processorAliases[word] ?? word).find((word) => processors.includes(word))
  const libc = words.includes('musl') || words.includes('musleabihf') ? 'musl' : undefined
  return {
    ...(cpu && { cpu: [cpu] }),
    ...(os && { os: [os] }),
    ...(os === 'linux' && { libc: [libc ?? 'glibc'] }),
  }
}

/** The lock file as npm makes it, in a folder without installed packages: those would narrow it to this platform. */
function freshLock() {
  const folder = mkdtempSync(join(tmpdir(), 'chaveiro-lock-'))
  try {
    const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/package.json`)
    const others = ['package.json', '.npmrc', 'examples/package.json', 'monitoring/package.json']
    for (const file of [...packages, ...others, 'packages/cli/bin/chaveiro.js']) {
      mkdirSync(join(folder, dirname(file)), { recursive: true })
      cpSync(join(root, file), join(folder, file))
    }
    execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: folder, stdio: 'inherit' })
    return JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const lock = freshLock()
const added = []
for (const { optionalDependencies = {} } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const path = `node_modules/${name}`
    if (lock.packages[path]) continue
    lock.packages[path] = { version, optional: true, ...platformOf(name) }
    added.push(`${name}@${version}`)
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(join(root, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`)
console.log(`package-lock.json written; ${added.length} optional packages entered by their names: ${added.join(', ')}`)
