/**
 * Whom a chain names, for showing what a file says.
 * @module
 */
import type { SpiffeId } from '../id/spiffe-id.js'
import { readSvidChain } from './x509-rules.js'

/**
 * The leaf's SPIFFE ID, after the chain was held to the rules of X509-SVID.md but without asking who signed it.
 * Never for deciding whom to trust: that is `verifyX509Svid`.
 * @param chain - DER, leaf first
 * @throws {SvidError} with the rule that the chain breaks
 */
export function unverifiedX509SvidId(chain: readonly Uint8Array[]): SpiffeId {
  return readSvidChain(chain).id
}
