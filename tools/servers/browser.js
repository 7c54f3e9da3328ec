/**
 * Chromium for the tests that look at pages. It hangs on many libraries of the system, so that it cannot be unpacked
 * into the cache as the servers are: as root it is installed by the system's package manager, else its absence is told
 * and the suites that need it are listed as not run.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findChromium } from './chromium.js'

const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
const aptGet = (...args) => spawnSync('apt-get', ['-qq', ...args], quiet).status === 0

/** @returns {boolean} whether there is a Chromium when it returns */
function obtainBrowser() {
  if (findChromium()) return true
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false
  console.log('Chromium: installing it with apt-get, once')
  const installed = aptGet('update') && aptGet('install', '-y', '--no-install-recommends', 'chromium')
  return installed && findChromium() !== undefined
}

if (!obtainBrowser()) {
  console.log('Chromium: not here; install it, or name it in CHROMIUM_PATH')
}
