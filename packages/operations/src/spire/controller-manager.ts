/**
 * The sign of SPIRE's controller manager: where it runs it deletes, within seconds, every entry that it did not make.
 * @see https://github.com/spiffe/spire-controller-manager
 * @module
 */
import type { SpireEntry } from './entry.js'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * It makes one entry for each pod, by the pod's UID, which nobody does by hand. When it was given a prefix for the
 * IDs of its entries it deletes only those, and others may stand beside them.
 */
export function deletesForeignEntries(entries: readonly SpireEntry[]): boolean {
  return entries.some(({ id, selectors }) => uuid.test(id) && selectors.some((each) => each.startsWith('k8s:pod-uid:')))
}
