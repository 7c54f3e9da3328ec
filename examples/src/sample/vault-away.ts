/**
 * Reading a secret again, while Vault may be away.
 * @module
 */
import { exitCodeFor } from '@chaveiro/integration'

const couldNotBeReached = 3

/**
 * Reads; when Vault is sealed or does not answer, the service goes on with what it read before.
 * @throws whatever else `read` throws: a secret that is not there or not ours is a mistake, and does not go away
 */
export async function unlessVaultIsAway(read: () => Promise<unknown>): Promise<void> {
  try {
    await read()
  } catch (error) {
    if (exitCodeFor(error) !== couldNotBeReached) throw error
    process.stderr.write(`secret not read again: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}
