/**
 * Hints tell the SVIDs of one workload apart.
 * @see SPIFFE_Workload_API.md, section 5.2.1
 * @module
 */
import { type HintDuplicated, hintDuplicated, type SvidType } from '../channels.js'
import type { SpiffeId } from '../id/spiffe-id.js'

/** Keeps the first SVID of each hint, and tells of the rest. No hint is never a duplicate. */
export function distinctHints<S extends { readonly id: SpiffeId; readonly hint?: string | undefined }>(
  svids: readonly S[],
  svidType: SvidType,
): S[] {
  const leftOut = new Map<string, string[]>()
  const kept = svids.filter(({ id, hint }) => {
    if (!hint) return true
    const duplicates = leftOut.get(hint)
    duplicates?.push(id.toString())
    if (!duplicates) leftOut.set(hint, [])
    return duplicates === undefined
  })
  for (const [hint, ids] of leftOut) {
    if (ids.length > 0) hintDuplicated.publish({ svidType, hint, leftOut: ids } satisfies HintDuplicated)
  }
  return kept
}
