/**
 * What the manifest gives a workload, as paths and capabilities to ask Vault about.
 * @module
 */
import type { VaultClient } from '@chaveiro/vault'
import type { Manifest, Workload } from '../../manifest/schema.js'

export interface Right {
  readonly path: string
  readonly capability: string
}

/** A name that no secret bears, for asking about everything below a prefix. */
const any = (pattern: string): string => pattern.replace(/\*$/, 'chaveiro-validate')

export function declaredRights(workload: Workload, { vault: { mounts } }: Manifest): Right[] {
  const { kv, databases } = workload
  return [
    ...kv.read.map((pattern) => ({ path: `${mounts.kv}/data/${any(pattern)}`, capability: 'read' })),
    ...kv.write.map((pattern) => ({ path: `${mounts.kv}/data/${any(pattern)}`, capability: 'update' })),
    ...databases.map((role) => ({ path: `${mounts.database}/creds/${role}`, capability: 'read' })),
  ]
}

/** @returns `read on secret/data/…` for each right that the client's token lacks */
export async function missingRights(
  client: VaultClient,
  rights: readonly Right[],
  signal?: AbortSignal,
): Promise<string[]> {
  if (rights.length === 0) return []
  const held = await client.sys.capabilitiesSelf([...new Set(rights.map(({ path }) => path))], { signal })
  return rights.flatMap(({ path, capability }) => {
    const has = held.get(path) ?? []
    return has.includes(capability) || has.includes('root') ? [] : [`${capability} on ${path}`]
  })
}
