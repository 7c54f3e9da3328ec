/**
 * Where the sample platform lies: in the checkout, as the package `@chaveiro/examples`.
 * @module
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DevError } from '../errors.js'

export interface SampleFiles {
  readonly manifest: string
  /** Path of the script of a service, by its name. */
  readonly script: (service: string) => string
}

/** @throws {DevError} `ERR_DEV_SERVER_MISSING` when the sample platform is not there or not built */
export function sampleFiles(): SampleFiles {
  const path = (file: string): string => fileURLToPath(import.meta.resolve(`@chaveiro/examples/${file}`))
  try {
    const manifest = path('chaveiro.yaml')
    const script = (service: string): string => path(`dist/${service}/main.js`)
    if (existsSync(manifest) && existsSync(script('service-registry'))) return { manifest, script }
  } catch {
    // Not installed: said below, with the cure.
  }
  throw new DevError('ERR_DEV_SERVER_MISSING', 'the sample platform is not here', {
    cure: 'Run this in a checkout of Chaveiro, after npm ci.',
  })
}
