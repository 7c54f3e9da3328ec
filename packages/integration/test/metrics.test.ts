import type { Channel } from 'node:diagnostics_channel'
import {
  type JwtSvidRejected,
  type JwtSvidValidated,
  jwtSvidRejected,
  jwtSvidValidated,
  unsafeFallbackAdmitted,
} from '@chaveiro/grpc'
import { type MetricDefinition, metricDefinitions } from '@chaveiro/integration'
import { FakeClock } from '@chaveiro/rotation/testing'
import { type SvidFetch, svidFetch, trustBundleUpdated, trustBundleUpdateFailed } from '@chaveiro/spiffe'
import { vaultRequest, vaultStateSeen } from '@chaveiro/vault'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeSource, settled, startStatic } from './service.js'

/** The contract that dashboards and alerts of others rely on: name, type, labels. */
const contract: Readonly<Record<string, { type: string; labels: readonly string[] }>> = {
  vault_token_ttl_seconds: { type: 'gauge', labels: [] },
  vault_token_lifetime_seconds: { type: 'gauge', labels: [] },
  vault_token_renewals_total: { type: 'counter', labels: ['status'] },
  vault_requests_total: { type: 'counter', labels: ['operation', 'status'] },
  vault_request_duration_seconds: { type: 'histogram', labels: ['operation'] },
  vault_credential_renewals_total: { type: 'counter', labels: ['credential_type', 'status'] },
  vault_credential_ttl_seconds: { type: 'gauge', labels: ['credential_type'] },
  vault_credential_lifetime_seconds: { type: 'gauge', labels: ['credential_type'] },
  spiffe_svid_fetch_total: { type: 'counter', labels: ['status', 'svid_type'] },
  spiffe_svid_fetch_duration_seconds: { type: 'histogram', labels: ['svid_type'] },
  spiffe_svid_ttl_seconds: { type: 'gauge', labels: ['svid_type'] },
  spiffe_svid_lifetime_seconds: { type: 'gauge', labels: ['svid_type'] },
  spiffe_trust_bundle_updates_total: { type: 'counter', labels: ['status'] },
  spiffe_trust_bundle_last_update_timestamp_seconds: { type: 'gauge', labels: [] },
  grpc_jwt_auth_attempts_total: { type: 'counter', labels: ['service', 'status'] },
  grpc_jwt_auth_failures_total: { type: 'counter', labels: ['reason', 'service'] },
  chaveiro_rotation_overdue: { type: 'gauge', labels: ['credential_type'] },
  chaveiro_rotation_last_success_timestamp_seconds: { type: 'gauge', labels: ['credential_type'] },
  chaveiro_vault_up: { type: 'gauge', labels: ['state'] },
  chaveiro_runway_seconds: { type: 'gauge', labels: ['dependency'] },
}

/** Ours beside the contract. */
const further = ['chaveiro_static_credentials_in_use']

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Scrape {
  readonly types: ReadonlyMap<string, string>
  readonly help: ReadonlyMap<string, string>
  readonly samples: readonly Sample[]
}

/** Reads the Prometheus text format, strictly. */
function parse(text: string): Scrape {
  const types = new Map<string, string>()
  const help = new Map<string, string>()
  const samples: Sample[] = []
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind !== undefined) {
      ;(kind === 'TYPE' ? types : help).set(name, rest)
      continue
    }
    const sample = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (sample === null) throw new Error(`not the text format: ${line}`)
    const labels = Object.fromEntries(
      [...(sample[2] ?? '').matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]),
    )
    samples.push({ name: sample[1] ?? '', labels, value: Number((sample[3] ?? '').replace('Inf', 'Infinity')) })
  }
  return { types, help, samples }
}

const baseOf = (name: string): string => name.replace(/_(bucket|sum|count)$/, '')

let clock: FakeClock
let running: Awaited<ReturnType<typeof startStatic>>

beforeEach(async () => {
  clock = new FakeClock({ wallMs: 1_700_000_000_000, seed: 7 })
  running = await startStatic({ clock })
})

afterEach(async () => {
  await running.service.close()
})

const scrape = async (): Promise<Scrape> => parse(await running.service.metrics())

async function sampleOf(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
  const { samples } = await scrape()
  return samples.find(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value
}

const publish = <Event>(channel: Channel, event: Event): void => channel.publish(event)

/** Each metric's sample, made by what makes it in production. */
async function everything(): Promise<void> {
  for (const credentialType of ['token', 'database']) {
    const rotation = running.service.rotate(fakeSource({ credentialType, name: credentialType }))
    await rotation.ready()
  }
  const svid = { svidType: 'x509', status: 'success', durationSeconds: 0.01 } satisfies SvidFetch
  publish(svidFetch, svid)
  publish(jwtSvidRejected, rejected('token_expired'))
}

const rejected = (reason: JwtSvidRejected['reason'], service = 'orchestrator-dynamic'): JwtSvidRejected => ({
  service,
  method: '/registry.Registry/List',
  reason,
  correlationId: 'c-1',
})

describe('the contract', () => {
  it('has every metric of the design in the registry, and no other but those named here', () => {
    expect(Object.keys(metricDefinitions).toSorted()).toEqual([...Object.keys(contract), ...further].toSorted())
  })

  it.each(Object.entries(contract))('%s has its type and its labels', (name, { type, labels }) => {
    const definition: MetricDefinition = metricDefinitions[name as keyof typeof metricDefinitions]
    expect({ type: definition.type, labels: Object.keys(definition.labels).toSorted() }).toEqual({ type, labels })
  })

  it.each(Object.entries<MetricDefinition>(metricDefinitions))(
    '%s says its unit in its name',
    (name, { type, unit, help }) => {
      expect(help).toMatch(/^[A-Z].*\.$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      if (unit === 'seconds') expect(name).toMatch(/_seconds$/)
      if (unit === 'timestamp') expect(name).toMatch(/_timestamp_seconds$/)
      if (unit === 'count' && type === 'gauge') expect(name).not.toMatch(/_seconds/)
    },
  )

  it('is what a scrape shows: names, types, help, labels, and values of labels from their closed sets', async () => {
    await everything()
    const { types, help, samples } = await scrape()
    const registry: Readonly<Record<string, MetricDefinition>> = metricDefinitions
    for (const [name, definition] of Object.entries(registry)) {
      expect([name, types.get(name), help.get(name)]).toEqual([name, definition.type, definition.help])
    }
    for (const { name, labels } of samples) {
      const definition = registry[name] ?? registry[baseOf(name)]
      if (definition === undefined) throw new Error(`${name} is not in the registry`)
      for (const [label, value] of Object.entries(labels)) {
        if (label === 'le') continue
        const values = definition.labels[label]
        if (values === 'service_name') expect(value).toBe('orchestrator-dynamic')
        else expect(values).toContain(value)
      }
      const given = Object.keys(labels).filter((label) => label !== 'le')
      expect(given.toSorted()).toEqual(Object.keys(definition.labels).toSorted())
    }
  })

  it('answers when nothing is held and nothing was ever reached', async () => {
    const { samples } = await scrape()
    expect(samples.some(({ name }) => name === 'vault_token_ttl_seconds')).toBe(false)
    expect(samples.some(({ name }) => name === 'chaveiro_runway_seconds')).toBe(false)
  })
})

describe('gauges', () => {
  it('count down at scrape time, between renewals', async () => {
    await everything()
    const before = [await sampleOf('vault_token_ttl_seconds'), await sampleOf('vault_credential_ttl_seconds')]
    await clock.advance(10_000)
    const after = [await sampleOf('vault_token_ttl_seconds'), await sampleOf('vault_credential_ttl_seconds')]
    expect([before, after]).toEqual([
      [60, 60],
      [50, 50],
    ])
    expect(await sampleOf('vault_token_lifetime_seconds')).toBe(60)
    expect(await sampleOf('vault_credential_lifetime_seconds', { credential_type: 'database' })).toBe(60)
  })

  it('show the life that ends first of several, and the lifetime of the same credential', async () => {
    await running.service.rotate(fakeSource({ name: 'long', ttlSeconds: 3600 })).ready()
    await running.service.rotate(fakeSource({ name: 'short', ttlSeconds: 60 })).ready()
    expect(await sampleOf('vault_credential_ttl_seconds')).toBe(60)
    expect(await sampleOf('vault_credential_lifetime_seconds')).toBe(60)
  })

  it('are infinite for what never ends, so that no threshold is crossed', async () => {
    await running.service.rotate(fakeSource({ credentialType: 'token', ttlSeconds: 0 })).ready()
    expect(await sampleOf('vault_token_ttl_seconds')).toBe(Number.POSITIVE_INFINITY)
    expect(await sampleOf('chaveiro_runway_seconds', { dependency: 'vault' })).toBe(Number.POSITIVE_INFINITY)
  })

  it('tell the runway: the smallest life that depends on a server; 0 when something is not held at all', async () => {
    await running.service.rotate(fakeSource({ credentialType: 'token', ttlSeconds: 3600 })).ready()
    await running.service.rotate(fakeSource({ credentialType: 'database', ttlSeconds: 600 })).ready()
    expect(await sampleOf('chaveiro_runway_seconds', { dependency: 'vault' })).toBe(600)
    expect(await sampleOf('chaveiro_runway_seconds', { dependency: 'database' })).toBe(600)
    expect(await sampleOf('chaveiro_runway_seconds', { dependency: 'spire' })).toBeUndefined()
    running.service.rotate(fakeSource({ credentialType: 'jwt_svid', fail: () => new Error('away') }))
    await settled()
    expect(await sampleOf('chaveiro_runway_seconds', { dependency: 'spire' })).toBe(0)
  })

  it('count what is overdue, until it is renewed', async () => {
    let away: Error | undefined
    await running.service.rotate(fakeSource({ fail: () => away })).ready()
    expect(await sampleOf('chaveiro_rotation_overdue', { credential_type: 'database' })).toBe(0)
    away = new Error('away')
    await clock.advance(50_000)
    expect(await sampleOf('chaveiro_rotation_overdue', { credential_type: 'database' })).toBe(1)
    away = undefined
    await clock.advance(15_000)
    expect(await sampleOf('chaveiro_rotation_overdue', { credential_type: 'database' })).toBe(0)
  })

  it('tell when something was last obtained, in seconds since the epoch', async () => {
    await running.service.rotate(fakeSource()).ready()
    expect(await sampleOf('chaveiro_rotation_last_success_timestamp_seconds')).toBe(1_700_000_000)
    publish(trustBundleUpdated, {
      bundleType: 'x509',
      trustDomains: ['neural-hive.local'],
      atWallMs: 1_700_000_005_000,
    })
    expect(await sampleOf('spiffe_trust_bundle_last_update_timestamp_seconds')).toBe(1_700_000_005)
  })

  it('show the state of Vault that was last seen, and none before the first answer', async () => {
    expect(await sampleOf('chaveiro_vault_up')).toBeUndefined()
    publish(vaultStateSeen, { state: 'active' })
    publish(vaultStateSeen, { state: 'sealed', before: 'active' })
    const states = ['active', 'standby', 'sealed', 'uninitialized', 'unreachable']
    const values = await Promise.all(states.map((state) => sampleOf('chaveiro_vault_up', { state })))
    expect(values).toEqual([0, 0, 1, 0, 0])
  })

  it('say which dependency static credentials stand in for', async () => {
    expect(await sampleOf('chaveiro_static_credentials_in_use', { dependency: 'vault' })).toBe(1)
    expect(await sampleOf('chaveiro_static_credentials_in_use', { dependency: 'spire' })).toBe(1)
  })
})

describe('counters', () => {
  it('begin at zero where their labels are few, so that the first event is an increase', async () => {
    expect(await sampleOf('vault_token_renewals_total', { status: 'error' })).toBe(0)
    expect(await sampleOf('vault_credential_renewals_total', { credential_type: 'database', status: 'error' })).toBe(0)
    expect(await sampleOf('spiffe_svid_fetch_total', { svid_type: 'jwt', status: 'success' })).toBe(0)
    expect(await sampleOf('grpc_jwt_auth_attempts_total', { status: 'fallback' })).toBe(0)
    expect(await sampleOf('grpc_jwt_auth_failures_total', { reason: 'token_expired' })).toBe(0)
  })

  it.each<{ credentialType: string; name: string; labels: Record<string, string> }>([
    { credentialType: 'token', name: 'vault_token_renewals_total', labels: {} },
    { credentialType: 'database', name: 'vault_credential_renewals_total', labels: { credential_type: 'database' } },
  ])('$name counts renewals and their failures', async ({ credentialType, name, labels }) => {
    let away: Error | undefined
    const rotation = running.service.rotate(fakeSource({ credentialType, fail: () => away }))
    await rotation.ready()
    await rotation.renewNow('request')
    await rotation.replaceNow('request')
    away = new Error('away')
    await rotation.renewNow('request').catch(() => undefined)
    expect(await sampleOf(name, { ...labels, status: 'success' })).toBe(2)
    expect(await sampleOf(name, { ...labels, status: 'error' })).toBe(1)
  })

  it('requests to Vault: by operation and status, timed by operation', async () => {
    publish(vaultRequest, { operation: 'kv_read', status: 'sealed', durationSeconds: 0.3, attempts: 1 })
    publish(vaultRequest, { operation: 'secret/data/planted', status: 'success', durationSeconds: 0.1, attempts: 1 })
    expect(await sampleOf('vault_requests_total', { operation: 'kv_read', status: 'sealed' })).toBe(1)
    expect(await sampleOf('vault_request_duration_seconds_sum', { operation: 'kv_read' })).toBeCloseTo(0.3)
    expect(await sampleOf('vault_requests_total', { operation: 'other', status: 'success' })).toBe(1)
    expect(await running.service.metrics()).not.toContain('planted')
  })

  it('SVIDs: what was pushed is counted, what was asked for is timed too', async () => {
    publish(svidFetch, { svidType: 'x509', status: 'success' } satisfies SvidFetch)
    publish(svidFetch, { svidType: 'jwt', status: 'error', durationSeconds: 0.02 } satisfies SvidFetch)
    expect(await sampleOf('spiffe_svid_fetch_total', { svid_type: 'x509', status: 'success' })).toBe(1)
    expect(await sampleOf('spiffe_svid_fetch_total', { svid_type: 'jwt', status: 'error' })).toBe(1)
    expect(await sampleOf('spiffe_svid_fetch_duration_seconds_count', { svid_type: 'x509' })).toBeUndefined()
    expect(await sampleOf('spiffe_svid_fetch_duration_seconds_sum', { svid_type: 'jwt' })).toBeCloseTo(0.02)
  })

  it('trust bundles', async () => {
    publish(trustBundleUpdated, { bundleType: 'jwt', trustDomains: [], atWallMs: 0 })
    publish(trustBundleUpdateFailed, {
      bundleType: 'jwt',
      code: 'ERR_WORKLOAD_API_UNAVAILABLE',
      reason: 'away',
      cure: '',
    })
    expect(await sampleOf('spiffe_trust_bundle_updates_total', { status: 'success' })).toBe(1)
    expect(await sampleOf('spiffe_trust_bundle_updates_total', { status: 'error' })).toBe(1)
  })

  it('calls: let in, refused by reason, let in by fallback', async () => {
    const call = { service: 'orchestrator-dynamic', method: '/registry.Registry/List', correlationId: 'c-1' }
    const validated: JwtSvidValidated = { ...call, subject: 'spiffe://neural-hive.local/a', expiresInSeconds: 30 }
    publish(jwtSvidValidated, validated)
    publish(jwtSvidRejected, rejected('audience_mismatch'))
    publish(unsafeFallbackAdmitted, call)
    for (const status of ['success', 'failure', 'fallback']) {
      expect(await sampleOf('grpc_jwt_auth_attempts_total', { status })).toBe(1)
    }
    expect(await sampleOf('grpc_jwt_auth_failures_total', { reason: 'audience_mismatch' })).toBe(1)
  })

  it('put a text of a stranger under "other", never into a label', async () => {
    publish(jwtSvidRejected, rejected('spiffe://evil.example/x' as JwtSvidRejected['reason'], 'spiffe://evil.example'))
    await running.service.rotate(fakeSource({ credentialType: 'spiffe://evil.example/type' })).ready()
    expect(await running.service.metrics()).not.toContain('evil.example')
    expect(await sampleOf('grpc_jwt_auth_failures_total', { service: 'other', reason: 'other' })).toBe(1)
  })
})
