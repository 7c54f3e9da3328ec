/**
 * `npm test`: obtains the real servers, builds, checks, and runs every test. Arguments go to the test runner:
 * `npm test -- packages/spiffe`.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const bin = (name) => join(root, 'node_modules', '.bin', name)

/** @returns {boolean} whether the step succeeded */
function step(name, command, args, env = {}) {
  console.log(`── ${name}`)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (error) console.error(`${name}: ${error.message}`)
  return status === 0
}

const failed = []
const args = process.argv.slice(2)
// Without the real servers the run goes on; the suites that need them are listed as not run.
step('real servers', process.execPath, [join(root, 'tools', 'servers', 'obtain.js')])
step('browser', process.execPath, [join(root, 'tools', 'servers', 'browser.js')])
if (!step('build', bin('tsc'), ['-b'])) failed.push('build')
if (args.length === 0 && !step('checks', process.execPath, [join(root, 'tools', 'check.js')]))
  failed.push('npm run check')
const tested = step('tests', bin('vitest'), ['run', ...args], { CHAVEIRO_TEST_FAILED_STEPS: failed.join('\n') })
process.exitCode = tested && failed.length === 0 ? 0 : 1
