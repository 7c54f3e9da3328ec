/**
 * The entries as `ClusterSPIFFEID` objects, for clusters in which SPIRE's controller manager makes the entries and
 * deletes all others.
 * @see https://github.com/spiffe/spire-controller-manager/blob/main/docs/clusterspiffeid-crd.md
 * @module
 */
import { stringify } from 'yaml'
import type { Manifest, Workload } from '../manifest/schema.js'
import { ownerOf } from './owner.js'

/** A workload that cannot be told to the controller manager, and why. */
export interface NotEmitted {
  readonly workload: string
  readonly reason: string
}

/** YAML, one document for each workload, and the workloads that have none. */
export function clusterSpiffeIds(manifest: Manifest): { readonly yaml: string; readonly left: readonly NotEmitted[] } {
  const left: NotEmitted[] = []
  const documents = manifest.workloads.flatMap((workload) => {
    const place = placeOf(workload)
    if ('reason' in place) {
      left.push({ workload: workload.name, reason: place.reason })
      return []
    }
    return [stringify(resource(workload, manifest, place))]
  })
  return { yaml: documents.join('---\n'), left }
}

interface Place {
  readonly namespace: string
  readonly selectors: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** The controller manager selects pods by namespace and labels, and has the agent check the remaining selectors. */
function placeOf({ selectors }: Workload): Place | { readonly reason: string } {
  const others = selectors.filter((selector) => !selector.startsWith('k8s:'))
  if (others.length > 0) return { reason: `${others[0]} is not of Kubernetes` }
  const namespace = selectors.find((selector) => selector.startsWith('k8s:ns:'))?.slice('k8s:ns:'.length)
  if (!namespace) return { reason: 'it has no k8s:ns: selector, and would be in every namespace' }
  const labels = selectors.flatMap((selector) => {
    const [, key, value] = /^k8s:pod-label:([^:]+):(.*)$/.exec(selector) ?? []
    return key !== undefined && value !== undefined ? [[key, value] as const] : []
  })
  const rest = selectors.filter((selector) => !/^k8s:(ns|pod-label):/.test(selector))
  return { namespace, selectors: rest, labels: Object.fromEntries(labels) }
}

function resource(workload: Workload, manifest: Manifest, { namespace, selectors, labels }: Place): object {
  const { className } = manifest.spire
  return {
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterSPIFFEID',
    metadata: {
      name: `${ownerOf(manifest).replaceAll('.', '-')}-${workload.name}`,
      labels: { 'app.kubernetes.io/managed-by': 'chaveiro' },
    },
    spec: {
      ...(className !== undefined && { className }),
      spiffeIDTemplate: workload.id.toString(),
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      ...(Object.keys(labels).length > 0 && { podSelector: { matchLabels: labels } }),
      ...(selectors.length > 0 && { workloadSelectorTemplates: selectors }),
      ...(workload.dnsNames.length > 0 && { dnsNameTemplates: workload.dnsNames }),
      ...(workload.federatesWith.length > 0 && { federatesWith: workload.federatesWith.map(({ name }) => name) }),
      ...(workload.x509Ttl !== undefined && { ttl: `${workload.x509Ttl}s` }),
      ...(workload.jwtTtl !== undefined && { jwtTtl: `${workload.jwtTtl}s` }),
      ...(workload.hint !== undefined && { hint: workload.hint }),
    },
  }
}
