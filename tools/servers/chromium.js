/**
 * Where Chromium may be: asked by the tests that use it and by the step that obtains it.
 * @module
 */
import { existsSync } from 'node:fs'

const places = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** @returns {string | undefined} the path of the first that is there */
export function findChromium() {
  return places.find((place) => place && existsSync(place))
}
