/**
 * The development stack is an optional part: loaded when a command needs it, with a cure when it is not there.
 * @module
 */
import { UsageError } from './exit-code.js'

type Dev = typeof import('@chaveiro/dev')

/** @throws {UsageError} when `@chaveiro/dev` is not installed */
export async function loadDev(): Promise<Dev> {
  try {
    return await import('@chaveiro/dev')
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new UsageError(
      'the development stack is not installed',
      'Install it beside this command: npm install --save-dev @chaveiro/dev',
      { cause: error },
    )
  }
}
