/**
 * What is known of every server, for `--check`, the launchers and the tests. Nothing is run to find out.
 * @module
 */
import { findBuilt, readJson, refusalFile, requiredVersion } from './cache.js'
import { serverModules } from './modules.js'
import { findPackage, packageRefusalFile, serverPackages } from './packages.js'

/** @typedef {{ title: string, available: true, version: string, programs: Record<string, string> }} Available */
/** @typedef {{ title: string, available: false, version: string, reason: string, cure: string }} Missing */

/** @returns {Record<string, Available | Missing>} */
export function serverStates(env = process.env) {
  return Object.fromEntries([
    ...serverModules.map((module) => [
      module.name,
      state(module, findBuilt(module, undefined, env), refusalFile(module, env), requiredVersion(module)),
    ]),
    ...serverPackages.map((row) => [row.name, state(row, findPackage(row, env), packageRefusalFile(row, env), 'any')]),
  ])
}

function state({ title }, found, noted, version) {
  if (found) return { title, available: true, ...found }
  const { reason, cure } = readJson(noted) ?? { reason: `${title} has not been obtained yet`, cure: 'npm run servers' }
  return { title, available: false, version, reason, cure }
}
