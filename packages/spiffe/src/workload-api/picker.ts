/**
 * Chooses one of several identities: their order says nothing.
 * @module
 */
import type { SpiffeId } from '../id/spiffe-id.js'
import type { X509Svid } from '../svid/x509-svid.js'

/** @returns the SVID to use; `undefined` when the expected one is not there, which is an error, not a fallback */
export type X509Picker = (svids: readonly X509Svid[]) => X509Svid | undefined

/** The SVID whose registration entry bears this hint. */
export const pickByHint =
  (hint: string): X509Picker =>
  (svids) =>
    svids.find((svid) => svid.hint === hint)

/** The SVID with exactly this ID. */
export const pickById =
  (id: SpiffeId): X509Picker =>
  (svids) =>
    svids.find((svid) => svid.id.equals(id))
