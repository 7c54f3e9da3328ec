import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const obtainScript = join(import.meta.dirname, '..', '..', 'tools', 'servers', 'obtain.js')

/** Notes its arguments, and builds programs that are empty files. `slow` and `broken` beside it change that. */
const fakeGo = `#!/bin/sh
PATH=/usr/bin:/bin
here=$(dirname "$0")
echo "$@" >> "$here/calls"
case $1 in
  env) echo auto; exit ;;
  list) echo runtime; exit ;;
esac
[ -e "$here/slow" ] && sleep 1.5
if [ -e "$here/broken" ]; then echo 'no space left on device' >&2; exit 1; fi
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then folder=$2; fi
  case $1 in github.com/*) touch "$folder/$(basename "$1")"; echo "$1" >&2 ;; esac
  shift
done
`

const fakeApt = `#!/bin/sh
echo "apt-get $@" >> "$(/usr/bin/dirname "$0")/calls"
: > "$2_2.42.0+ds-5_amd64.deb"
`

const fakeDpkg = `#!/bin/sh
case $1 in
  --field) echo 2.42.0+ds-5 ;;
  --extract) /bin/mkdir -p root/usr/bin && : > root/usr/bin/prometheus && : > root/usr/bin/promtool ;;
esac
`

describe('npm run servers', () => {
  let home: string
  let bin: string

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'chaveiro-obtain-test-'))
    bin = join(home, 'go', 'bin')
    await mkdir(bin, { recursive: true })
    await writeProgram('cc', '#!/bin/sh\n')
    await installGo('go1.26.8')
  })

  afterEach(() => rm(home, { recursive: true }))

  async function writeProgram(name: string, script: string): Promise<void> {
    await writeFile(join(bin, name), script)
    await chmod(join(bin, name), 0o755)
  }

  async function installGo(version: string): Promise<void> {
    await writeProgram('go', fakeGo)
    await writeFile(join(home, 'go', 'VERSION'), `${version}\ntime 2026-08-28T16:20:06Z\n`)
  }

  const start = (args: string[], env: Record<string, string> = {}): ChildProcess =>
    spawn(process.execPath, [obtainScript, ...args], {
      env: { PATH: bin, CHAVEIRO_CACHE_DIR: join(home, 'cache'), ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })

  async function obtain(args: string[] = [], env?: Record<string, string>): Promise<{ code: number; said: string }> {
    const child = start(args, env)
    const said = text(child.stderr as NonNullable<ChildProcess['stderr']>)
    const [code] = await once(child, 'close')
    return { code, said: await said }
  }

  async function check(): Promise<Record<string, { available: boolean; reason?: string; cure?: string }>> {
    const env = { PATH: bin, CHAVEIRO_CACHE_DIR: join(home, 'cache') }
    const { stdout } = await promisify(execFile)(process.execPath, [obtainScript, '--check'], { env })
    return JSON.parse(stdout).servers
  }

  const calls = async (): Promise<string[]> =>
    (await readFile(join(bin, 'calls'), 'utf8').catch(() => '')).split('\n').filter(Boolean)
  const builds = async (): Promise<string[]> => (await calls()).filter((call) => call.startsWith('build'))
  const cached = (): Promise<string[]> => readdir(join(home, 'cache', 'servers'), { recursive: true })

  it('builds each server once, and runs nothing when all are there', async () => {
    expect((await check()).vault).toMatchObject({ available: false, cure: 'npm run servers' })
    const first = await obtain()
    expect(first).toMatchObject({ code: 0, said: expect.stringContaining('built in') })
    expect(await builds()).toHaveLength(2)
    const before = await calls()
    expect(await obtain()).toMatchObject({ code: 0, said: expect.stringMatching(/ready.*\n.*ready/) })
    expect(await calls()).toEqual(before)
    expect(await check()).toMatchObject({ vault: { available: true }, spire: { available: true } })
  })

  it('verifies checksums and writes no go.mod', async () => {
    await obtain(['--only', 'vault'])
    expect(await builds()).toEqual([expect.stringContaining('-mod=readonly')])
  })

  it('builds again for another Go', async () => {
    await obtain(['--only', 'vault'])
    await installGo('go1.26.9')
    await obtain(['--only', 'vault'])
    expect(await builds()).toHaveLength(2)
  })

  it.each<{ name: string; go: string | undefined; env: Record<string, string>; reason: RegExp }>([
    { name: 'no Go', go: undefined, env: {}, reason: /not installed/ },
    { name: 'a Go that cannot fetch toolchains', go: 'go1.20.1', env: {}, reason: /go1\.20\.1 is too old/ },
    { name: 'a Go told not to', go: 'go1.23.0', env: { GOTOOLCHAIN: 'local' }, reason: /too old/ },
  ])('$name: says so, and fails only when a server is required', async ({ go, env, reason }) => {
    await (go ? installGo(go) : rm(join(bin, 'go')))
    const only = ['--only', 'vault']
    expect(await obtain(only, env)).toMatchObject({ code: 0, said: expect.stringMatching(reason) })
    expect((await check()).vault).toMatchObject({
      available: false,
      reason: expect.stringMatching(reason),
      cure: expect.stringContaining('install Go'),
    })
    expect(await obtain([...only, '--required'], env)).toMatchObject({ code: 3 })
    expect(await builds()).toEqual([])
  })

  it('lets an older Go fetch the toolchain that is asked for', async () => {
    await installGo('go1.23.0')
    expect(await obtain(['--only', 'vault', '--required'])).toMatchObject({ code: 0 })
  })

  it('uses what was built when Go has gone', async () => {
    await obtain(['--only', 'vault'])
    await rm(join(bin, 'go'))
    expect(await obtain(['--only', 'vault', '--required'])).toMatchObject({ code: 0 })
  })

  it('needs a C compiler for SPIRE only', async () => {
    await rm(join(bin, 'cc'))
    expect(await obtain()).toMatchObject({ code: 0, said: expect.stringMatching(/SPIRE.*no C compiler/) })
    expect(await check()).toMatchObject({ vault: { available: true }, spire: { available: false } })
  })

  it('tells what Go said when a build fails, and forgets it once one succeeds', async () => {
    await writeFile(join(bin, 'broken'), '')
    const failed = await obtain(['--only', 'vault'])
    expect(failed).toMatchObject({ code: 0, said: expect.stringContaining('no space left') })
    expect((await check()).vault?.reason).toContain('no space left')
    await rm(join(bin, 'broken'))
    await obtain(['--only', 'vault'])
    expect((await cached()).filter((name) => /building|lock|unavailable/.test(name))).toEqual([])
  })

  it('lets two runs at once build once', async () => {
    await writeFile(join(bin, 'slow'), '')
    const both = await Promise.all([obtain(['--only', 'vault']), obtain(['--only', 'vault'])])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    expect(await builds()).toHaveLength(1)
  })

  it('takes over from a builder that was killed', async () => {
    await writeFile(join(bin, 'slow'), '')
    const killed = start(['--only', 'vault'])
    await expect.poll(builds).toHaveLength(1)
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    expect((await cached()).filter((name) => /building-\d+$|lock$/.test(name))).toHaveLength(2)
    expect(await obtain(['--only', 'vault', '--required'])).toMatchObject({ code: 0 })
    expect((await cached()).filter((name) => /building|lock/.test(name))).toEqual([])
  })

  it('leaves nothing half-built when it is interrupted', async () => {
    await writeFile(join(bin, 'slow'), '')
    const interrupted = start(['--only', 'vault'])
    await expect.poll(builds).toHaveLength(1)
    interrupted.kill('SIGTERM')
    // Terminals and wrappers send it to the group and to the process; the second comes while Go still ends.
    await delay(100)
    interrupted.kill('SIGTERM')
    expect(await once(interrupted, 'exit')).toEqual([130, null])
    expect((await cached()).filter((name) => /building|lock|unavailable|built/.test(name))).toEqual([])
  })

  it('unpacks what comes as a Debian package, once, and installs nothing', async () => {
    expect(await obtain(['--only', 'prometheus'])).toMatchObject({ code: 0, said: expect.stringMatching(/not found/) })
    expect((await check()).prometheus).toMatchObject({ available: false, cure: expect.stringContaining('Debian') })
    await writeProgram('apt-get', fakeApt)
    await writeProgram('dpkg-deb', fakeDpkg)
    expect(await obtain(['--only', 'prometheus', '--required'])).toMatchObject({ code: 0 })
    expect((await check()).prometheus).toMatchObject({ available: true, version: '2.42.0' })
    expect(await obtain(['--only', 'prometheus', '--required'])).toMatchObject({ code: 0 })
    expect(await calls()).toEqual(['apt-get download prometheus'])
    expect((await cached()).filter((name) => /unpacking|unavailable|\.deb$/.test(name))).toEqual([])
  })

  it('tells what apt said, and leaves nothing half-unpacked', async () => {
    await writeProgram('apt-get', '#!/bin/sh\necho "E: Unable to locate package" >&2\nexit 100\n')
    await writeProgram('dpkg-deb', fakeDpkg)
    expect(await obtain(['--only', 'alertmanager', '--required'])).toMatchObject({ code: 3 })
    expect((await check()).alertmanager?.reason).toContain('Unable to locate package')
    expect((await cached()).filter((name) => /unpacking/.test(name))).toEqual([])
  })

  it('refuses servers that it does not know', async () => {
    expect(await obtain(['--only', 'valt'])).toMatchObject({ code: 2, said: expect.stringContaining('valt') })
    expect(await obtain(['--onyl'])).toMatchObject({ code: 2 })
    expect(existsSync(join(home, 'cache'))).toBe(false)
  })
})
