/**
 * The Vault policy of a workload: exactly the paths that the manifest gives it.
 * @module
 */
import type { Manifest, Workload } from '../manifest/schema.js'

/** First line of every policy that Chaveiro writes: by it our own are told from others'. */
export const policyMark = '# Managed by chaveiro'

/** The name of a workload's policy, and of its role at the JWT mount. */
export const policyName = (workload: Workload): string => workload.name

interface Rule {
  readonly path: string
  readonly capabilities: readonly string[]
}

/**
 * HCL for `sys/policies/acl/<name>`. The life of the token itself comes from Vault's `default` policy; revoking a
 * lease is granted in the URL form only, limited to the workload's own roles.
 */
export function policyText(workload: Workload, { vault }: Manifest): string {
  const { kv, database } = vault.mounts
  const rules: Rule[] = [
    ...workload.kv.read.flatMap((path) => [
      { path: `${kv}/data/${path}`, capabilities: ['read'] },
      { path: `${kv}/metadata/${path}`, capabilities: ['read', 'list'] },
    ]),
    ...workload.kv.write.map((path) => ({ path: `${kv}/data/${path}`, capabilities: ['create', 'update', 'patch'] })),
    ...workload.databases.flatMap((role) => [
      { path: `${database}/creds/${role}`, capabilities: ['read'] },
      { path: `sys/leases/revoke/${database}/creds/${role}/*`, capabilities: ['update'] },
    ]),
  ]
  return `${[`${policyMark} for ${workload.id}`, ...merge(rules).map(render)].join('\n')}\n`
}

/** Vault takes one block per path: capabilities of the same path are joined. */
function merge(rules: readonly Rule[]): Rule[] {
  const byPath = new Map<string, Set<string>>()
  for (const { path, capabilities } of rules) {
    const known = byPath.get(path) ?? new Set<string>()
    for (const capability of capabilities) known.add(capability)
    byPath.set(path, known)
  }
  return [...byPath].map(([path, capabilities]) => ({ path, capabilities: [...capabilities].sort() }))
}

const render = ({ path, capabilities }: Rule): string =>
  `path "${path}" {\n  capabilities = [${capabilities.map((capability) => `"${capability}"`).join(', ')}]\n}`
