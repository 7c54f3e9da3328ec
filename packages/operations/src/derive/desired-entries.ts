/**
 * The registration entries that SPIRE's server must hold: which process is which workload.
 * @module
 */
import type { SpiffeId } from '@chaveiro/spiffe'
import type { Manifest, Workload } from '../manifest/schema.js'
import type { DesiredObject } from '../plan/desired-object.js'
import { ownerOf } from './owner.js'

/** What the manifest leaves to the place where it is applied. */
export interface EntrySurroundings {
  /** Parent of workloads that name none. */
  readonly parent: SpiffeId | undefined
  /** In place of the manifest's selectors, by workload: for a machine without Kubernetes. */
  readonly selectors: Readonly<Record<string, readonly string[]>>
}

/** IDs of the entries of one manifest begin so: by it our own are told from others'. */
export const entryIdPrefix = (manifest: Manifest): string => `chaveiro.${ownerOf(manifest)}.`

/** One entry for each workload. Its parent is empty when none is known; the plan complains of that. */
export function desiredEntries(manifest: Manifest, { parent, selectors }: EntrySurroundings): DesiredObject[] {
  return manifest.workloads.map((workload, index) => ({
    kind: 'entry',
    groups: ['entries'],
    path: `${entryIdPrefix(manifest)}${workload.name}`,
    manifestPath: ['workloads', index, 'selectors'],
    needs: [],
    fields: entryFields(workload, workload.parent ?? parent, selectors[workload.name] ?? workload.selectors),
  }))
}

function entryFields(
  workload: Workload,
  parent: SpiffeId | undefined,
  selectors: readonly string[],
): DesiredObject['fields'] {
  return {
    spiffe_id: { type: 'text', value: workload.id.toString() },
    parent_id: { type: 'text', value: parent?.toString() ?? '' },
    selectors: { type: 'set', value: selectors },
    x509_svid_ttl: { type: 'seconds', value: workload.x509Ttl ?? 0 },
    jwt_svid_ttl: { type: 'seconds', value: workload.jwtTtl ?? 0 },
    dns_names: { type: 'list', value: workload.dnsNames },
    federates_with: { type: 'set', value: workload.federatesWith.map(({ name }) => name) },
    hint: { type: 'text', value: workload.hint ?? '' },
    admin: { type: 'boolean', value: false },
    downstream: { type: 'boolean', value: false },
    store_svid: { type: 'boolean', value: false },
  }
}
