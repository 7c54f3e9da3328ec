/**
 * The Vault policy of a workload: exactly the paths that the manifest gives it.
 * @module
 */
import { covers } from '../manifest/kv-pattern.js'
import type { Manifest, Workload } from '../manifest/schema.js'
import { ownerOf } from './owner.js'

/** Begins the first line of every policy that Chaveiro writes: by it our own are told from others'. */
export const policyMark = '# Managed by chaveiro'

/** First line of the policies of one manifest, but for the identity that follows. */
export const policyMarkOf = (owner: string): string => `${policyMark} (${owner})`

/** The name of a workload's policy, and of its role at the JWT mount. */
export const policyName = (workload: Workload): string => workload.name

interface Rule {
  readonly path: string
  readonly capabilities: readonly string[]
}

/** What a token may do with itself. Roles leave Vault's `default` policy out, which lets it renew any lease it knows. */
const ownToken: readonly Rule[] = [
  { path: 'auth/token/lookup-self', capabilities: ['read'] },
  { path: 'auth/token/renew-self', capabilities: ['update'] },
  { path: 'auth/token/revoke-self', capabilities: ['update'] },
  { path: 'sys/capabilities-self', capabilities: ['update'] },
]

/**
 * HCL for `sys/policies/acl/<name>`. Leases are renewed and revoked in the URL form, limited to the workload's own
 * roles.
 */
export function policyText(workload: Workload, manifest: Manifest): string {
  const { kv, database } = manifest.vault.mounts
  const rules: Rule[] = [
    ...ownToken,
    ...workload.kv.read.flatMap((path) => [
      { path: `${kv}/data/${path}`, capabilities: ['read'] },
      { path: `${kv}/metadata/${path}`, capabilities: ['read', 'list'] },
    ]),
    ...workload.kv.write.map((path) => ({ path: `${kv}/data/${path}`, capabilities: ['create', 'update', 'patch'] })),
    ...workload.databases.flatMap((role) => [
      { path: `${database}/creds/${role}`, capabilities: ['read'] },
      { path: `sys/leases/renew/${database}/creds/${role}/*`, capabilities: ['update'] },
      { path: `sys/leases/revoke/${database}/creds/${role}/*`, capabilities: ['update'] },
    ]),
  ]
  const mark = `${policyMarkOf(ownerOf(manifest))} for ${workload.id}`
  return `${[mark, ...merge(rules).map(render)].join('\n')}\n`
}

/**
 * One block for each path. Vault applies only the most specific block to a request, so a path that lies within a
 * wider one must repeat what the wider one grants.
 */
function merge(rules: readonly Rule[]): Rule[] {
  const paths = [...new Set(rules.map(({ path }) => path))]
  return paths.map((path) => {
    const granted = rules.filter((rule) => covers(rule.path, path)).flatMap(({ capabilities }) => capabilities)
    return { path, capabilities: [...new Set(granted)].sort() }
  })
}

const render = ({ path, capabilities }: Rule): string =>
  `path "${path}" {\n  capabilities = [${capabilities.map((capability) => `"${capability}"`).join(', ')}]\n}`
