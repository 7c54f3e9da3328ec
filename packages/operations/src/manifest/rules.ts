/**
 * What the schema cannot see: names that must exist, be unique, or lie in the trust domain.
 * @module
 */
import { SpiffeId } from '@chaveiro/spiffe'
import type { Contradiction } from './contradiction.js'
import { overlappingPaths } from './overlaps.js'
import type { Manifest } from './schema.js'

/** Every contradiction in a manifest that is well formed. */
export function contradictions(manifest: Manifest): Contradiction[] {
  return [
    ...duplicates(manifest),
    ...foreignIds(manifest),
    ...reservedNames(manifest),
    ...unknownNames(manifest),
    ...contraryCallers(manifest),
    ...overlappingPaths(manifest),
    ...invertedTtls(manifest),
    ...contraryKeySources(manifest),
  ]
}

/** Policies that Vault makes by itself. */
const builtInPolicies = new Set(['root', 'default', 'default-ceiling', 'response-wrapping', 'control-group'])
/** Where the ledger of what Chaveiro made lies, below the KV mount. */
export const ledgerFolder = 'chaveiro/ledger'

function reservedNames({ workloads, secrets }: Manifest): Contradiction[] {
  return [
    ...workloads.flatMap(({ name }, index) =>
      builtInPolicies.has(name)
        ? [{ path: ['workloads', index, 'name'], message: `Vault has a policy ${name} of its own; use another name` }]
        : [],
    ),
    ...secrets.flatMap(({ path }, index) =>
      path.startsWith(ledgerFolder)
        ? [
            {
              path: ['secrets', index, 'path'],
              message: `${ledgerFolder} is kept by chaveiro itself; use another path`,
            },
          ]
        : [],
    ),
  ]
}

function duplicates({ workloads, databases, secrets }: Manifest): Contradiction[] {
  const roles = databases.flatMap(({ roles }, d) =>
    roles.map(({ name }, r) => ({ name, path: ['databases', d, 'roles', r, 'name'] })),
  )
  return [
    ...repeated(
      'workload name',
      workloads.map(({ name }, i) => ({ name, path: ['workloads', i, 'name'] })),
    ),
    ...repeated(
      'SPIFFE ID',
      workloads.map(({ id }, i) => ({ name: id.toString(), path: ['workloads', i, 'id'] })),
    ),
    ...repeated(
      'database',
      databases.map(({ name }, i) => ({ name, path: ['databases', i, 'name'] })),
    ),
    ...repeated('database role', roles),
    ...repeated(
      'secret path',
      secrets.map(({ path }, i) => ({ name: path, path: ['secrets', i, 'path'] })),
    ),
  ]
}

function repeated(kind: string, items: readonly { name: string; path: (string | number)[] }[]): Contradiction[] {
  const seen = new Set<string>()
  return items.flatMap(({ name, path }) => {
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    return [{ path, message: `${kind} ${name} is declared twice; keep one` }]
  })
}

function foreignIds({ workloads, trustDomain }: Manifest): Contradiction[] {
  return workloads.flatMap(({ id, parent }, index) =>
    (['id', 'parent'] as const).flatMap((key) => {
      const value = key === 'id' ? id : parent
      if (!value || value.memberOf(trustDomain)) return []
      return [{ path: ['workloads', index, key], message: `${value} is not in trust domain ${trustDomain.name}` }]
    }),
  )
}

function unknownNames({ workloads, databases }: Manifest): Contradiction[] {
  const peers = new Map(workloads.map((workload) => [workload.name, workload]))
  const roles = new Set(databases.flatMap(({ roles }) => roles.map(({ name }) => name)))
  return workloads.flatMap(({ calls, databases: used }, index) => [
    ...calls.flatMap((peer, c) => {
      const path = ['workloads', index, 'calls', c]
      if (!peers.has(peer)) return [{ path, message: `no workload is named ${peer}` }]
      if (!peers.get(peer)?.audience) return [{ path, message: `${peer} has no audience to be called with; add one` }]
      return []
    }),
    ...used.flatMap((role, d) =>
      roles.has(role)
        ? []
        : [{ path: ['workloads', index, 'databases', d], message: `no database role is named ${role}` }],
    ),
  ])
}

function contraryCallers({ workloads }: Manifest): Contradiction[] {
  const names = new Set(workloads.map(({ name }) => name))
  return workloads.flatMap(({ name, callers }, index) => [
    ...(callers ?? []).flatMap((caller, c) =>
      names.has(caller) || isSpiffeId(caller)
        ? []
        : [{ path: ['workloads', index, 'callers', c], message: `${caller} is no workload here and no SPIFFE ID` }],
    ),
    ...workloads.flatMap((other, o) => {
      const call = other.calls.indexOf(name)
      if (call < 0 || !callers || callers.includes(other.name) || callers.includes(other.id.toString())) return []
      return [
        { path: ['workloads', o, 'calls', call], message: `${name} does not name ${other.name} among its callers` },
      ]
    }),
  ])
}

function isSpiffeId(text: string): boolean {
  try {
    SpiffeId.parse(text)
    return true
  } catch {
    return false
  }
}

function contraryKeySources({ vault }: Manifest): Contradiction[] {
  if (!vault.jwtKeys) return []
  return (['jwksUrl', 'jwksCa'] as const).flatMap((key) =>
    vault[key] === undefined ? [] : [{ path: ['vault', key], message: `vault.jwtKeys stands in its place; keep one` }],
  )
}

function invertedTtls({ databases, vault }: Manifest): Contradiction[] {
  const message = 'ttl is longer than maxTtl'
  const token = vault.token.ttl > vault.token.maxTtl ? [{ path: ['vault', 'token', 'ttl'], message }] : []
  const roles = databases.flatMap(({ roles }, d) =>
    roles.flatMap(({ ttl, maxTtl }, r) =>
      ttl > maxTtl ? [{ path: ['databases', d, 'roles', r, 'ttl'], message }] : [],
    ),
  )
  return [...token, ...roles]
}
