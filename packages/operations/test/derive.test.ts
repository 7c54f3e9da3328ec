import { readFileSync } from 'node:fs'
import { clusterSpiffeIds, manifestJsonSchema, policyText, readManifest } from '@chaveiro/operations'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { expandVariables } from '../src/derive/variables.js'

const sample = readFileSync(new URL('../../../examples/chaveiro.yaml', import.meta.url), 'utf8')
const withKv = (kv: string) => readManifest(sample.replace('kv: { read: [orchestrator/*] }', `kv: ${kv}`), 'm.yaml')

function policyOf(kv: string): Record<string, string> {
  const manifest = withKv(kv)
  const [workload] = manifest.workloads
  if (!workload) throw new Error('the sample has a workload')
  const blocks = policyText(workload, manifest).matchAll(/path "(.*)" \{\n {2}capabilities = \[(.*)\]/g)
  return Object.fromEntries([...blocks].map(([, path, capabilities]) => [path, capabilities]))
}

describe('the policy of a workload', () => {
  it('repeats, for a path within a wider one, what the wider one grants: Vault applies only the nearest', () => {
    const policy = policyOf('{ read: [app/*], write: [app/state] }')
    expect(policy['secret/data/app/*']).toBe('"read"')
    expect(policy['secret/data/app/state']).toBe('"create", "patch", "read", "update"')
  })

  it('renews and revokes only leases of its own roles', () => {
    const paths = Object.keys(policyOf('{}')).filter((path) => path.startsWith('sys/leases/'))
    expect(paths).toEqual([
      'sys/leases/renew/database/creds/temporal-orchestrator/*',
      'sys/leases/revoke/database/creds/temporal-orchestrator/*',
    ])
  })

  it('bears the mark of its manifest in the first line', () => {
    const manifest = readManifest(sample, 'm.yaml')
    const [workload] = manifest.workloads
    expect(workload && policyText(workload, manifest)).toMatch(
      /^# Managed by chaveiro \(neural-hive\.local\) for spiffe:\/\/neural-hive\.local\/ns\//,
    )
  })
})

describe('manifests for the controller manager', () => {
  it('select pods by namespace, and leave the rest to the agent', () => {
    const { yaml, left } = clusterSpiffeIds(readManifest(sample, 'm.yaml'))
    const documents = parseAllDocuments(yaml).map((document) => document.toJS())
    expect(left).toEqual([])
    expect(documents).toHaveLength(3)
    expect(documents[0]).toMatchObject({
      apiVersion: 'spire.spiffe.io/v1alpha1',
      kind: 'ClusterSPIFFEID',
      metadata: { name: 'neural-hive-local-orchestrator-dynamic' },
      spec: {
        spiffeIDTemplate: 'spiffe://neural-hive.local/ns/neural-hive-orchestration/sa/orchestrator-dynamic',
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'neural-hive-orchestration' } },
        workloadSelectorTemplates: ['k8s:sa:orchestrator-dynamic'],
      },
    })
  })

  it('name a workload that is not of Kubernetes, and leave it out', () => {
    const manifest = readManifest(sample.replace('k8s:ns:neural-hive-core', 'unix:uid:7'), 'm.yaml')
    expect(clusterSpiffeIds(manifest).left).toEqual([
      { workload: 'service-registry', reason: expect.stringContaining('unix:uid:7') },
    ])
  })
})

describe('variables in addresses', () => {
  it.each([
    { text: 'a', env: {}, want: { text: 'a', unset: [] } },
    { text: '$' + '{HOST}:1', env: { HOST: 'h' }, want: { text: 'h:1', unset: [] } },
    { text: '$' + '{HOST:-local}:1', env: {}, want: { text: 'local:1', unset: [] } },
    { text: '$' + '{HOST:-local}:1', env: { HOST: '' }, want: { text: 'local:1', unset: [] } },
    { text: '$' + '{HOST}', env: {}, want: { text: '', unset: ['HOST'] } },
    { text: '{{username}}', env: {}, want: { text: '{{username}}', unset: [] } },
  ])('$text', ({ text, env, want }) => {
    expect(expandVariables(text, env)).toEqual(want)
  })
})

it('docs/manifest.schema.json is current (node tools/manifest-schema.js writes it)', () => {
  const file = new URL('../../../docs/manifest.schema.json', import.meta.url)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(manifestJsonSchema())))
})
