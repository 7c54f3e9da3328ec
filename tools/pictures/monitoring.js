/**
 * Makes `docs/images/status-page-{light,dark}.png` and `docs/images/dashboard.png`: lets the sample platform run while
 * Prometheus scrapes it, then has Chromium draw what there is to see.
 * `node tools/pictures/monitoring.js [seconds]`; needs Prometheus (`npm run servers`), and Chromium at $CHROMIUM or
 * /usr/bin/chromium.
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import {
  demoTtls,
  EmbeddedStack,
  prepareStack,
  RealPrometheus,
  readSampleManifest,
  SamplePlatform,
  sampleFiles,
} from '../../packages/dev/dist/index.js'
import { drawDashboard } from './dashboard-drawing.js'

const root = join(import.meta.dirname, '..', '..')
const seconds = Number(process.argv[2] ?? 150)
const image = (name) => join(root, 'docs', 'images', name)

/** Whatever happened, what was started is closed, the last first. */
async function main() {
  const closers = []
  const owned = (started) => {
    closers.unshift(started)
    return started
  }
  try {
    const files = sampleFiles()
    const manifest = readSampleManifest(readFileSync(files.manifest, 'utf8'), files.manifest)
    const stack = owned(await EmbeddedStack.start({ trustDomain: manifest.trustDomain, ttls: demoTtls }))
    await prepareStack(stack, manifest)
    const platform = owned(await SamplePlatform.start({ stack, script: files.script }))
    const targets = platform.admins.map(({ name, address }) => ({
      address,
      labels: { job: name, namespace: 'sample' },
    }))
    const prometheus = owned(await RealPrometheus.start({ targets }))
    const startSeconds = Date.now() / 1000
    console.log(`letting the sample platform run for ${seconds} s`)
    await pause(seconds * 1000)
    const browser = owned(await launch())
    await drawStatusPage(browser, platform.admins.find(({ name }) => name === 'orchestrator-dynamic').address)
    await drawGraphs(browser, prometheus, startSeconds)
  } finally {
    for (const each of closers) await each.close()
  }
}

const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  })

async function drawStatusPage(browser, address) {
  for (const colorScheme of ['light', 'dark']) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1100, height: 700 }, deviceScaleFactor: 1.5 })
    await page.goto(`http://${address}`)
    await page.locator('#connection', { hasText: /^live$/ }).waitFor()
    await page.locator('summary').first().click()
    await page.screenshot({ path: image(`status-page-${colorScheme}.png`), fullPage: true })
    await page.close()
    console.log(image(`status-page-${colorScheme}.png`))
  }
}

async function drawGraphs(browser, prometheus, startSeconds) {
  const file = join(root, 'monitoring', 'dashboards', 'vault-spiffe-integration.json')
  const dashboard = JSON.parse(readFileSync(file, 'utf8'))
  const range = { startSeconds, endSeconds: Date.now() / 1000, stepSeconds: 1 }
  const answers = new Map()
  for (const panel of dashboard.panels) {
    const answered = await Promise.all((panel.targets ?? []).map((target) => ask(prometheus, target, range)))
    answers.set(panel, answered.flat())
  }
  const page = await browser.newPage({ viewport: { width: 1480, height: 900 } })
  await page.setContent(drawDashboard(dashboard, (panel) => answers.get(panel)))
  await page.screenshot({ path: image('dashboard.png'), fullPage: true })
  console.log(image('dashboard.png'))
}

async function ask(prometheus, { expr, legendFormat }, range) {
  const query = expr.replaceAll('$__rate_interval', '20s').replaceAll(/\$(namespace|service|instance)\b/g, '.*')
  const series = await prometheus.queryRange(query, range)
  return series.map(({ metric, values }) => ({
    legend: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? ''),
    values,
  }))
}

await main()
