/**
 * Metrics, dashboard and alerts, as a real Prometheus sees them on the running sample platform; the alert of a sealed
 * Vault on its whole way to whoever is on call.
 */
import { type QueriedSeries, RealAlertmanager, RealPrometheus, type ScrapeTarget } from '@chaveiro/dev'
import { type MetricDefinition, metricDefinitions } from '@chaveiro/integration'
import { renderRules, runbookUrl } from '@chaveiro/monitoring'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { expanded, panelQueries } from '../monitoring/dashboard-file.js'
import { describeReal, showLogsOnFailure } from '../support/real.js'
import { type RunningPlatform, startSamplePlatform } from '../support/sample-platform.js'
import { Webhook } from '../support/webhook.js'

/** Labelled as service discovery of Kubernetes does. */
const targetsOf = ({ platform }: RunningPlatform): ScrapeTarget[] =>
  platform.admins.map(({ name, address }) => ({ address, labels: { job: name, namespace: 'neural-hive' } }))

/** The rules as they are delivered, but that nothing is waited for. */
const rehearsal = renderRules({ for: '10s', interval: '1s' })

const registry: readonly (readonly [string, MetricDefinition])[] = Object.entries(metricDefinitions)
const targetLabels = ['__name__', 'job', 'namespace', 'instance', 'le']

describeReal('the sample platform, monitored', ['prometheus', 'alertmanager'], () => {
  let running: RunningPlatform
  let webhook: Webhook
  let alertmanager: RealAlertmanager
  let prometheus: RealPrometheus
  let startSeconds: number

  showLogsOnFailure(() => [prometheus?.process, alertmanager?.process])

  beforeAll(async () => {
    running = await startSamplePlatform()
    webhook = await Webhook.start()
    alertmanager = await RealAlertmanager.start({ webhook: webhook.url })
    const targets = targetsOf(running)
    prometheus = await RealPrometheus.start({ targets, rules: rehearsal, alertmanager: alertmanager.address })
    startSeconds = Date.now() / 1000
    // Until the database user was replaced once: by then everything else was renewed, too.
    await vi.waitFor(() => expect(replaced('database')).toBeGreaterThan(0), { timeout: 90_000, interval: 500 })
  }, 120_000)

  afterAll(async () => {
    await prometheus?.close()
    await alertmanager?.close()
    await webhook?.close()
    await running?.[Symbol.asyncDispose]()
  })

  const replaced = (credentialType: string): number =>
    running.platform
      .view()
      .services.flatMap(({ credentials }) => credentials)
      .filter(({ type }) => type === credentialType)
      .reduce((sum, { replacements }) => sum + replacements, 0)

  const sinceStart = (query: string): Promise<readonly QueriedSeries[]> =>
    prometheus.queryRange(query, { startSeconds, endSeconds: Date.now() / 1000, stepSeconds: 1 })

  it('is scraped whole: three services', async () => {
    const up = await prometheus.query('up')
    const values = up.map(({ metric, values }) => [metric.job, values[0]?.[1]]).toSorted()
    expect(values).toEqual([
      ['orchestrator-dynamic', 1],
      ['service-registry', 1],
      ['worker-agents', 1],
    ])
  })

  it.each(registry)(
    '%s has its type, its help and its labels, with values from their closed sets',
    async (name, { type, help, labels }) => {
      expect((await prometheus.metadata())[name]).toEqual([{ type, help, unit: '' }])
      const series = await prometheus.query(`{__name__="${type === 'histogram' ? `${name}_count` : name}"}`)
      expect(series.length).toBeGreaterThan(0)
      for (const { metric } of series) {
        const own = Object.entries(metric).filter(([label]) => !targetLabels.includes(label))
        expect(own.map(([label]) => label).toSorted()).toEqual(Object.keys(labels).toSorted())
        for (const [label, value] of own) {
          const values = labels[label]
          if (values === 'service_name') expect(value).toBe(metric.job)
          else expect(values).toContain(value)
        }
      }
    },
  )

  it.each(['vault_token_ttl_seconds', 'vault_credential_ttl_seconds', 'spiffe_svid_ttl_seconds'])(
    '%s counts down between renewals, at each scrape',
    async (name) => {
      const [series] = await sinceStart(`${name}{job="orchestrator-dynamic"}`)
      const steps = series?.values.slice(1).map(([, value], index) => value - (series.values[index]?.[1] ?? 0)) ?? []
      const falls = steps.filter((step) => step < 0)
      expect(falls.length).toBeGreaterThan(steps.length / 2)
      expect(falls.every((step) => step > -3)).toBe(true)
    },
  )

  it.each(panelQueries)('panel "$title", query $refId: returns data', async ({ expr }) => {
    const series = await sinceStart(expanded(expr, '15s'))
    const numbers = series.flatMap(({ values }) => values.map(([, value]) => value))
    expect(numbers.filter((value) => !Number.isNaN(value)).length).toBeGreaterThan(0)
  })

  it('raises no alert while all is well, but for the intruder that knocks at the registry', async () => {
    const firing = await sinceStart('ALERTS{alertstate="firing"}')
    const seen = firing.map(({ metric }) => `${metric.alertname} ${metric.job}`)
    expect([...new Set(seen)]).toEqual(['ChaveiroCallersRefused service-registry'])
  })

  it('tells whoever is on call that Vault is sealed, and when it no longer is', { timeout: 120_000 }, async () => {
    const { vault } = running.stack
    await using client = new VaultClient({ address: vault.address, token: () => vault.rootToken })
    await client.sys.seal()
    const alert = { alertname: 'ChaveiroVaultSealed', job: 'orchestrator-dynamic' }
    const told = await webhook.next({ ...alert, status: 'firing' }, 60_000)
    expect(told.labels).toEqual({ ...alert, namespace: 'neural-hive', severity: 'critical' })
    expect(told.annotations).toEqual({
      summary: 'Vault is sealed.',
      description: expect.stringContaining('to 1 processes of orchestrator-dynamic in neural-hive'),
      runbook_url: runbookUrl('ChaveiroVaultSealed'),
    })
    // A scrape is answered whatever is down.
    expect((await prometheus.query('up == 1')).length).toBe(3)

    for (const key of vault.unsealKeys) await client.sys.unseal(key)
    await webhook.next({ ...alert, status: 'resolved' }, 60_000)
    expect(running.platform.casualties).toEqual([])
    const active = await prometheus.query('chaveiro_vault_up{job="orchestrator-dynamic",state="active"}')
    expect(active[0]?.values[0]?.[1]).toBe(1)
  })
})
