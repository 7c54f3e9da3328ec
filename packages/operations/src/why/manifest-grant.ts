/**
 * Which line of the manifest gives a right, or would.
 * @module
 */
import { policyName, policyText } from '../derive/policy.js'
import type { LocatedManifest } from '../manifest/read.js'
import type { Workload } from '../manifest/schema.js'
import { decidingRules, grantedBy, rulesOf } from './policy-match.js'

export interface Grant {
  readonly cure: string
  readonly where: string | null
}

/** For a right that Vault does not give: does the manifest, and if not, what would have to be added where? */
export function manifestGrant(
  { manifest, file, lineOf }: LocatedManifest,
  workload: Workload,
  path: string,
  capability: string,
): Grant {
  const index = manifest.workloads.indexOf(workload)
  const derived = rulesOf(policyName(workload), policyText(workload, manifest))
  const at = (keys: string[]): string => `${file}:${lineOf(['workloads', index, ...keys])}`
  if (grantedBy(decidingRules(derived, path)).includes(capability)) {
    return { where: at([]), cure: 'The manifest gives it, Vault does not have it yet: chaveiro apply --only policies' }
  }
  const { kv, database } = manifest.vault.mounts
  const then = 'then run: chaveiro apply --only policies'
  const secret = new RegExp(`^${kv}/(?:data|metadata)/(.+)$`).exec(path)?.[1]
  if (secret !== undefined) {
    const list = capability === 'read' || capability === 'list' ? 'read' : 'write'
    return { where: at(['kv', list]), cure: `Add ${secret} to kv.${list} of ${workload.name}, ${then}` }
  }
  const role = new RegExp(`^${database}/creds/([^/]+)$`).exec(path)?.[1]
  if (role !== undefined && capability === 'read') {
    return { where: at(['databases']), cure: `Add ${role} to databases of ${workload.name}, ${then}` }
  }
  return {
    where: null,
    cure: 'No line of a manifest gives this: it needs a policy of your own, and a role that names it.',
  }
}
