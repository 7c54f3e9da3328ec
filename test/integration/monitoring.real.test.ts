/**
 * Metrics, dashboard and alerts, as a real Prometheus sees the running sample platform.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { type QueriedSeries, RealAlertmanager, RealPrometheus, type ScrapeTarget } from '@chaveiro/dev'
import { type MetricDefinition, metricDefinitions } from '@chaveiro/integration'
import { dashboardQueries, renderRules, runbookUrl } from '@chaveiro/monitoring'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeReal, showLogsOnFailure } from '../support/real.js'
import { type RunningPlatform, startSamplePlatform } from '../support/sample-platform.js'

/** As service discovery of Kubernetes labels them. */
const targetsOf = ({ platform }: RunningPlatform): ScrapeTarget[] =>
  platform.admins.map(({ name, address }) => ({ address, labels: { job: name, namespace: 'neural-hive' } }))

/** Every alert at once, so that a rehearsal does not wait for minutes; the rules are those that are delivered. */
const rehearsal = renderRules({ for: '3s', interval: '1s' })

describeReal('Prometheus that scrapes the sample platform', ['prometheus'], () => {
  let running: RunningPlatform
  let prometheus: RealPrometheus
  let startSeconds: number

  showLogsOnFailure(() => [prometheus?.process])

  beforeAll(async () => {
    running = await startSamplePlatform()
    startSeconds = Date.now() / 1000
    prometheus = await RealPrometheus.start({ targets: targetsOf(running), rules: rehearsal })
    // As long as it takes until everything was renewed and replaced.
    await expect
      .poll(
        () =>
          running.platform.view().services.flatMap(({ credentials }) => credentials.map((each) => each.replacements))
            .length,
        { timeout: 90_000 },
      )
      .toBeGreaterThan(0)
  })

  afterAll(async () => {
    await prometheus?.close()
    await running?.[Symbol.asyncDispose]()
  })
})
