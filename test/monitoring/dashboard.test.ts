/**
 * What linters of dashboards ask for.
 */
import { type MetricDefinition, metricDefinitions } from '@chaveiro/integration'
import { alertGroups, metricsIn } from '@chaveiro/monitoring'
import { describe, expect, it } from 'vitest'
import { describeReal } from '../support/real.js'
import { dashboard, expanded, panelQueries, panels } from './dashboard-file.js'
import { promtool } from './promtool.js'

const registry: Readonly<Record<string, MetricDefinition>> = metricDefinitions
const alerts = alertGroups.flatMap(({ rules }) => rules.map(({ alert }) => alert))

describe.each(panels)('panel "$title"', ({ description, datasource, fieldConfig, targets = [], gridPos, type }) => {
  it('has a unit, thresholds, and says what it means', () => {
    expect(fieldConfig?.defaults.unit).toBeTruthy()
    const steps = fieldConfig?.defaults.thresholds?.steps ?? []
    expect(steps[0]?.value).toBeNull()
    const limits = steps.slice(1).map(({ value }) => value as number)
    expect(limits).toEqual(limits.toSorted((one, other) => one - other))
    expect(description).toMatch(/^[A-Z].{20,}[.?]$/)
    for (const [name] of description?.matchAll(/Chaveiro[A-Z]\w+/g) ?? []) expect(alerts).toContain(name)
  })

  it('asks the data source that the reader chose, narrowed to what the reader chose', () => {
    expect(targets.length).toBeGreaterThan(0)
    for (const { expr, datasource: asked, legendFormat } of targets) {
      expect([datasource?.uid, asked?.uid]).toEqual(['$datasource', '$datasource'])
      expect(legendFormat).toBeTruthy()
      for (const [, matchers] of expr.matchAll(/\{([^}]*)\}/g)) {
        expect(matchers).toMatch(/namespace=~"\$namespace",job=~"\$service",instance=~"\$instance"$/)
      }
    }
  })

  it('names only metrics that the code emits, counters by their rate over the interval of the graph', () => {
    for (const { expr } of targets) {
      for (const name of metricsIn(expr)) {
        expect(Object.keys(registry)).toContain(name)
        if (registry[name]?.type === 'gauge') continue
        const uses = [...expr.matchAll(new RegExp(`rate\\(${name}\\w*\\{[^}]*\\}\\[\\$__rate_interval\\]`, 'g'))]
        expect(uses.length).toBe([...expr.matchAll(new RegExp(`\\b${name}`, 'g'))].length)
      }
    }
  })

  it('shows time in seconds and shares as shares', () => {
    const unit = fieldConfig?.defaults.unit
    const queries = targets.map(({ expr }) => expr)
    if (unit === 'percentunit') expect(queries.every((expr) => expr.includes(' / '))).toBe(true)
    if (queries.every((expr) => /quantile|time\(\)/.test(expr))) expect(unit).toBe('s')
  })

  it('lies within the 24 columns', () => {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
    expect(['timeseries', 'stat']).toContain(type)
  })
})

describe('the dashboard', () => {
  it('lets choose data source, namespace, service and instance, and refreshes the choice with the time', () => {
    const [source, ...choices] = dashboard.templating.list
    expect(source).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' })
    expect(choices.map(({ name }) => name)).toEqual(['namespace', 'service', 'instance'])
    for (const { query, refresh, datasource } of choices) {
      expect([refresh, datasource?.uid]).toEqual([2, '$datasource'])
      for (const name of metricsIn(query)) expect(Object.keys(registry)).toContain(name)
    }
  })

  it('is not edited by hand, and refreshes itself', () => {
    expect([dashboard.editable, dashboard.refresh]).toEqual([false, '30s'])
  })

  it('has a row for each thing that is watched', () => {
    expect(dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
      'Overview',
      'Vault token',
      'Credentials leased from Vault',
      'SVIDs and trust bundles',
      'gRPC authentication',
      'Requests to Vault',
      'Rotation',
    ])
  })

  it('numbers its panels, each once, and none lies on another', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
  })

  it('shows every metric of the registry', () => {
    const shown = new Set(panelQueries.flatMap(({ expr }) => metricsIn(expr)))
    expect([...shown].toSorted()).toEqual(Object.keys(registry).toSorted())
  })
})

describeReal('queries of the dashboard', ['prometheus'], () => {
  it('are PromQL that Prometheus parses', async () => {
    const rules = panelQueries.map(({ expr }, index) => ({ record: `panel:${index}`, expr: expanded(expr, '5m') }))
    const file = JSON.stringify({ groups: [{ name: 'panels', rules }] })
    const said = await promtool({ 'panels.json': file }, (folder) => ['check', 'rules', `${folder}/panels.json`])
    expect(said).toContain(`SUCCESS: ${rules.length} rules found`)
  })
})
