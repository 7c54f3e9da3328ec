/**
 * `npm run check`: formatter and linter, types of the tests, floors, dead code. All are run, so that one reading
 * shows everything; the first to fail decides nothing for the others.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const bin = (name) => join(root, 'node_modules', '.bin', name)

const checks = [
  { name: 'format and lint', command: bin('biome'), args: ['check', '--error-on-warnings'] },
  { name: 'types of the packages', command: bin('tsc'), args: ['-b'] },
  { name: 'types of the tests', command: bin('tsc'), args: ['-p', 'tsconfig.test.json'] },
  { name: 'floors', command: process.execPath, args: [join('tools', 'checks', 'floors.js')] },
  { name: 'dead code', command: bin('knip'), args: [] },
]

const failed = checks.filter(({ name, command, args }) => {
  console.log(`── ${name}`)
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status !== 0
})
console.log(failed.length === 0 ? 'all checks passed' : `failed: ${failed.map(({ name }) => name).join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
