import { readFileSync } from 'node:fs'
import { ManifestError, policyText, readManifest } from '@chaveiro/operations'
import { describe, expect, it } from 'vitest'

const sample = readFileSync(new URL('../../../examples/chaveiro.yaml', import.meta.url), 'utf8')

function problemsOf(text: string): string[] {
  try {
    readManifest(text, 'chaveiro.yaml')
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    return error.problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`)
  }
  return []
}

describe('manifest of the sample platform', () => {
  const manifest = readManifest(sample, 'chaveiro.yaml')

  it('is read, with durations in seconds and identities parsed', () => {
    expect(manifest.trustDomain.name).toBe('neural-hive.local')
    expect(manifest.databases[0]?.roles[0]).toMatchObject({ name: 'temporal-orchestrator', ttl: 3600, maxTtl: 86_400 })
    expect(manifest.workloads.map(({ id }) => id.path)).toEqual([
      '/ns/neural-hive-orchestration/sa/orchestrator-dynamic',
      '/ns/neural-hive-execution/sa/worker-agents',
      '/ns/neural-hive-core/sa/service-registry',
    ])
  })

  it('gives the orchestrator exactly its declared paths', () => {
    const [orchestrator] = manifest.workloads
    if (!orchestrator) throw new Error('the sample has an orchestrator')
    const paths = [...policyText(orchestrator, manifest).matchAll(/^path "(.*)"/gm)].map(([, path]) => path)
    expect(paths).toEqual([
      'auth/token/lookup-self',
      'auth/token/renew-self',
      'auth/token/revoke-self',
      'sys/capabilities-self',
      'secret/data/orchestrator/*',
      'secret/metadata/orchestrator/*',
      'database/creds/temporal-orchestrator',
      'sys/leases/renew/database/creds/temporal-orchestrator/*',
      'sys/leases/revoke/database/creds/temporal-orchestrator/*',
    ])
  })
})

describe('a manifest that cannot be used', () => {
  const swap = (from: string, to: string): string => {
    expect(sample).toContain(from)
    return sample.replace(from, to)
  }

  it.each([
    {
      name: 'an unknown key, at its own place',
      text: swap('calls: [service-registry]', 'call: [service-registry]'),
      says: [/^34:11 workloads\.0\.call: unknown key "call"/],
    },
    {
      name: 'a workload named twice',
      text: swap('name: worker-agents', 'name: orchestrator-dynamic'),
      says: [/workloads\.1\.name: workload name orchestrator-dynamic is declared twice/],
    },
    {
      name: 'an identity of another trust domain',
      text: swap('spiffe://neural-hive.local/ns/neural-hive-core', 'spiffe://elsewhere.local/ns/neural-hive-core'),
      says: [/workloads\.2\.id: .* is not in trust domain neural-hive\.local/],
    },
    {
      name: 'a malformed SPIFFE ID',
      text: swap('spiffe://neural-hive.local/ns/neural-hive-core', 'spiffe://Neural-Hive.local/ns/neural-hive-core'),
      says: [/workloads\.2\.id: /],
    },
    {
      name: 'a call to nobody',
      text: swap('calls: [service-registry]', 'calls: [registry]'),
      says: [/workloads\.0\.calls\.0: no workload is named registry/],
    },
    {
      name: 'an undeclared database role',
      text: swap('databases: [temporal-orchestrator]', 'databases: [temporal]'),
      says: [/no database role is named temporal$/],
    },
    {
      name: 'a ttl above its maximum',
      text: swap('token: { ttl: 1h', 'token: { ttl: 48h'),
      says: [/vault\.token\.ttl: ttl is longer than maxTtl/],
    },
    {
      name: 'a duration without a unit',
      text: swap('token: { ttl: 1h', 'token: { ttl: 3600'),
      says: [/vault\.token\.ttl/],
    },
    {
      name: 'a secret written inline',
      text: swap('uri: { env: ORCHESTRATOR_MONGODB_URI }', 'uri: mongodb://localhost'),
      says: [/secrets\.0\.keys\.uri/],
    },
    {
      name: 'a workload that takes the name of a built-in policy',
      text: swap('name: worker-agents', 'name: default'),
      says: [/workloads\.1\.name: Vault has a policy default of its own/],
    },
    {
      name: 'a path within another',
      text: swap('read: [orchestrator/*]', 'read: [orchestrator/*, orchestrator/redis]'),
      says: [/workloads\.0\.kv\.read\.1: orchestrator\/redis is within orchestrator\/\* already/],
    },
    {
      name: 'two writers of one path',
      text: swap('read: [worker/*]', 'write: [shared/*]').replace('read: [registry/*]', 'write: [shared/state]'),
      says: [/workloads\.2\.kv\.write\.0: shared\/state is written by worker-agents and by service-registry/],
    },
    {
      name: 'a caller that the called one does not name',
      text: swap('audience: service-registry', 'callers: [worker-agents]\n    audience: service-registry'),
      says: [/workloads\.0\.calls\.0: service-registry does not name orchestrator-dynamic among its callers/],
    },
    {
      name: 'a caller that is nobody',
      text: swap(
        'audience: service-registry',
        'callers: [orchestrator-dynamic, worker-agents, nobody]\n    audience: service-registry',
      ),
      says: [/workloads\.2\.callers\.2: nobody is no workload here and no SPIFFE ID/],
    },
    {
      name: 'a secret in the place of the ledger',
      text: swap('path: worker/queue', 'path: chaveiro/ledger/x'),
      says: [/secrets\.3\.path: .* kept by chaveiro itself/],
    },
    {
      name: 'a wildcard in the path of a secret',
      text: swap('path: worker/queue', 'path: worker/*'),
      says: [/secrets\.3\.path: write the path of one secret/],
    },
    {
      name: 'two sources of keys',
      text: swap('  token: {', '  jwksUrl: http://a/keys\n  jwtKeys: [a.pem]\n  token: {'),
      says: [/vault\.jwksUrl: vault\.jwtKeys stands in its place/],
    },
    { name: 'YAML that does not parse', text: 'version: [1', says: [/^1:/] },
  ])('is refused for $name', ({ text, says }) => {
    const found = problemsOf(text)
    expect(found).toEqual(says.map((pattern) => expect.stringMatching(pattern)))
  })
})
