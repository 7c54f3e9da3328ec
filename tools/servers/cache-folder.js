/**
 * The folder in which the real servers are kept: outside the checkout, so that a fresh clone starts at once.
 * @module
 */
import { homedir } from 'node:os'
import { join } from 'node:path'

/** @param {NodeJS.ProcessEnv} env */
export function cacheFolder(env = process.env) {
  const root = env.CHAVEIRO_CACHE_DIR || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'chaveiro')
  return join(root, 'servers')
}
