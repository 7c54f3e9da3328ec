/**
 * The ways to SPIRE's registration entries: its socket, TCP with an admin's SVID, or `kubectl exec` into its pod.
 * @module
 */
import { type EntryApi, KubectlEntries, SpireServerClient } from '@chaveiro/operations'
import { WorkloadApiClient } from '@chaveiro/spiffe'
import { UsageError } from './exit-code.js'
import { openSpire } from './servers.js'
import type { Terminal } from './terminal.js'

/**
 * `SPIRE_SERVER_ADDRESS` (host:port), `SPIRE_SERVER_POD` (namespace/pod), else `SPIRE_SERVER_SOCKET`.
 * @throws {UsageError} when they contradict each other; {WorkloadApiError} when there is no SVID to show
 */
export async function openEntries({ env, stop }: Terminal): Promise<EntryApi> {
  const { SPIRE_SERVER_ADDRESS: address, SPIRE_SERVER_POD: pod, SPIRE_SERVER_SOCKET: socket } = env
  if ([address, pod, socket].filter(Boolean).length > 1) {
    throw new UsageError(
      'SPIRE_SERVER_ADDRESS, SPIRE_SERVER_POD and SPIRE_SERVER_SOCKET are three ways to one server',
      'Unset all but one of them.',
    )
  }
  if (pod) return throughKubectl(pod)
  return address ? overTcp(address, env, stop) : openSpire(env)
}

function throughKubectl(text: string): EntryApi {
  const [namespace, pod, ...rest] = text.split('/')
  if (!namespace || !pod || rest.length > 0) {
    throw new UsageError(`SPIRE_SERVER_POD is no NAMESPACE/POD: ${text}`, 'For instance spire-server/spire-server-0.')
  }
  return new KubectlEntries({ namespace, pod })
}

/** The SVID is this process's own, from the Workload API; the server judges whether its entry is an admin's. */
async function overTcp(hostAndPort: string, env: Terminal['env'], signal: AbortSignal): Promise<EntryApi> {
  await using workloadApi = new WorkloadApiClient({ env })
  const { svids, bundles } = await workloadApi.fetchX509Context(signal)
  const [svid] = svids
  const bundle = bundles.x509BundleFor(svid.id.trustDomain)
  if (!bundle)
    throw new UsageError(`the Workload API has no bundle of ${svid.id.trustDomain.name}`, 'Look at its agent.')
  return new SpireServerClient({ hostAndPort, identity: { svid, bundle } })
}
