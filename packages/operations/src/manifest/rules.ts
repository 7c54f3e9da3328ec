/**
 * What the schema cannot see: names that must exist, be unique, or lie in the trust domain.
 * @module
 */
import type { Manifest } from './schema.js'

/** A contradiction, at the path of the value that causes it. */
export interface Contradiction {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** Every contradiction in a manifest that is well formed. */
export function contradictions(manifest: Manifest): Contradiction[] {
  return [...duplicates(manifest), ...foreignIds(manifest), ...unknownNames(manifest), ...invertedTtls(manifest)]
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
