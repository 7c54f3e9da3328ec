/**
 * The status page in a real browser: alive without a reload, under its content security policy, in dark and light,
 * by keyboard alone.
 */
import { VaultIntegration } from '@chaveiro/integration'
import { Secret } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, launchBrowser } from '../support/chromium.js'
import { type RunningPlatform, startSamplePlatform } from '../support/sample-platform.js'

let browser: Browser
let clock: FakeClock
let service: VaultIntegration
let page: Page
let complaints: string[]

/** Everything that the browser finds wrong, refusals by the content security policy among it. */
async function openPage(address: string, colorScheme: 'light' | 'dark'): Promise<Page> {
  const opened = await browser.newPage({ colorScheme, viewport: { width: 1000, height: 800 } })
  opened.on('console', (message) => complaints.push(message.text()))
  opened.on('pageerror', (error) => complaints.push(String(error)))
  await opened.goto(`http://${address}`)
  await opened.locator('#connection', { hasText: /^live$/ }).waitFor()
  return opened
}

async function open(colorScheme: 'light' | 'dark'): Promise<void> {
  page = await openPage(String(service.adminAddress), colorScheme)
}

/** Waits until the page shows a text; its policy forbids to wait by a script of ours. */
const shows = (text: string): Promise<void> => page.getByText(text).first().waitFor()

describeInBrowser('the status page in Chromium', () => {
  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser?.close()
  })

  beforeEach(async () => {
    complaints = []
    clock = new FakeClock()
    service = await VaultIntegration.start({
      clock,
      logStream: { write: () => undefined },
      env: {
        CHAVEIRO_SERVICE_NAME: 'orchestrator-dynamic',
        CHAVEIRO_VAULT_ENABLED: 'false',
        CHAVEIRO_SPIFFE_ENABLED: 'false',
        CHAVEIRO_ADMIN_ADDRESS: '127.0.0.1:0',
      },
    })
    const granted = { ttlSeconds: 60, renewable: true }
    const rotation = service.rotate<Secret>({
      credentialType: 'database',
      name: 'temporal-orchestrator',
      issue: async () => ({ value: new Secret('planted'), ...granted }),
      renew: async () => granted,
    })
    await rotation.ready()
  })

  afterEach(async () => {
    await page?.close()
    await service.close()
  })

  it('shows lives that shrink and a renewal that appears, without a reload and without a complaint', async () => {
    await open('light')
    await shows('60 s of 60 s')
    await page.evaluate("window.untouched = 'the same document'")
    await clock.advance(10_000)
    await shows('50 s of 60 s')
    await clock.advance(38_000)
    await page.locator('#announcement', { hasText: 'database temporal-orchestrator: renewed' }).waitFor()
    expect(await page.locator('ol').textContent()).toContain('renewed')
    expect(await page.evaluate('window.untouched')).toBe('the same document')
    expect(await page.content()).not.toContain('planted')
    expect(complaints).toEqual([])
  })

  it('runs nothing that is not its own file', async () => {
    await open('light')
    const refused = page.evaluate(`new Promise((resolve) => {
      document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective))
      const script = document.createElement('script')
      script.textContent = 'window.injected = true'
      document.body.append(script)
    })`)
    expect(await refused).toMatch(/^script-src/)
    expect(await page.evaluate('window.injected')).toBeUndefined()
  })

  it('is used by keyboard alone, and keeps focus and open details while it is redrawn', async () => {
    await open('light')
    const focused = (): Promise<unknown> => page.evaluate('document.activeElement.textContent')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to the credentials')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Renew everything now')
    await page.keyboard.press('Enter')
    await shows('Renewed 1, failed 0.')
    expect(await focused()).toBe('Renew everything now')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('What happened')
    await page.keyboard.press('Enter')
    await clock.advance(2000)
    await shows('58 s of 60 s')
    expect(await focused()).toBe('What happened')
    expect(await page.evaluate("document.querySelector('details').open")).toBe(true)
  })

  it.each(['light', 'dark'] as const)('is readable in %s: every text has a contrast of 4.5 to 1', async (scheme) => {
    await open(scheme)
    expect(await page.evaluate(leastContrast)).toBeGreaterThanOrEqual(4.5)
  })

  it('says its lives in words to those who do not see the bars', async () => {
    await open('light')
    const bar = page.getByRole('progressbar', { name: 'Life of database temporal-orchestrator' })
    expect(await bar.getAttribute('aria-valuetext')).toBe('60 s of 60 s')
    expect(await bar.getAttribute('aria-valuenow')).toBe('100')
  })
})

describeInBrowser('the status page of the running sample platform', () => {
  let running: RunningPlatform

  beforeAll(async () => {
    running = await startSamplePlatform()
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser?.close()
    await running?.[Symbol.asyncDispose]()
  })

  it.each(['light', 'dark'] as const)(
    'in %s: lives shrink and a renewal appears, without a reload',
    async (colorScheme) => {
      complaints = []
      const admin = running.platform.admins.find(({ name }) => name === 'orchestrator-dynamic')
      page = await openPage(String(admin?.address), colorScheme)
      await page.evaluate("window.untouched = 'the same document'")
      const bar = page.getByRole('progressbar', { name: 'Life of database temporal-orchestrator' })
      const left = async (): Promise<number> => Number(await bar.getAttribute('aria-valuenow'))
      const before = await left()
      await expect.poll(left, { timeout: 20_000 }).not.toBe(before)
      await page.locator('#announcement', { hasText: /^database .*: (renewed|replaced)$/ }).waitFor({ timeout: 30_000 })
      expect(await page.evaluate('window.untouched')).toBe('the same document')
      expect(await page.evaluate(leastContrast)).toBeGreaterThanOrEqual(4.5)
      expect(complaints).toEqual([])
      await page.close()
    },
  )
})

/** Run in the page: the lowest contrast of a text with what is behind it, as WCAG 2 defines it. */
const leastContrast = `(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number)
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((value) => {
      const share = value / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor
      if (channels(colour)[3] !== 0) return colour
    }
    return 'rgb(255, 255, 255)'
  }
  const texts = [...document.querySelectorAll('body *')].filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== ''),
  )
  return Math.min(...texts.map((element) => {
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => b - a)
    return (one + 0.05) / (other + 0.05)
  }))
})()`
