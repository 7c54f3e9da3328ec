/**
 * Suites that need a browser. Where there is none, the suite is listed as not run, as those that need real servers.
 * @module
 */
import { type Browser, chromium } from 'playwright-core'
import { describe } from 'vitest'
import { findChromium } from '../../tools/servers/chromium.js'

const executablePath = findChromium()
const notRun = 'Chromium was not found (cure: install it, or name it in CHROMIUM_PATH)'

/** Nothing but loopback: no updates, no metrics, no first-run traffic. */
const quiet = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

/** Registers a suite that runs in Chromium, or is listed as not run. */
export function describeInBrowser(suite: string, body: () => void): void {
  describe(suite, executablePath === undefined ? { skip: true, meta: { suite, notRun } } : {}, body)
}

/** Whoever launches it closes it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ ...(executablePath === undefined ? {} : { executablePath }), args: quiet })
}
