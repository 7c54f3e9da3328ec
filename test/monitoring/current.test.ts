import { renderDashboard, renderRules } from '@chaveiro/monitoring'
import { describe, expect, it } from 'vitest'
import { metricsPage } from './metrics-page.js'

describe('files that are made from the registry of metrics (vitest -u writes them anew)', () => {
  it('monitoring/alerts/vault-spiffe-alerts.yaml', async () => {
    await expect(renderRules()).toMatchFileSnapshot('../../monitoring/alerts/vault-spiffe-alerts.yaml')
  })

  it('monitoring/dashboards/vault-spiffe-integration.json', async () => {
    const file = '../../monitoring/dashboards/vault-spiffe-integration.json'
    await expect(renderDashboard()).toMatchFileSnapshot(file)
  })

  it('docs/metrics.md', async () => {
    await expect(metricsPage()).toMatchFileSnapshot('../../docs/metrics.md')
  })
})
