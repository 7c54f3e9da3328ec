/**
 * Logging in: an identity is shown to an auth method, which answers with a token.
 * @module
 */
import type { VaultClient } from './client.js'
import type { VaultAuth } from './granted-token.js'
import type { CallOptions } from './request.js'

/** One way to log in. A login keeps no state between calls, and obtains a fresh proof of identity at each. */
export interface Login {
  /** For events: `jwt`, for instance. */
  readonly method: string
  /** @param client - bears no token */
  login(client: VaultClient, options: CallOptions): Promise<VaultAuth>
}
