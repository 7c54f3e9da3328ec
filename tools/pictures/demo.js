/**
 * Makes `docs/images/demo.png`: runs the demo for a while on a terminal of its own, keeps its last live frame, and
 * has Chromium draw it. `node tools/pictures/demo.js [seconds]`; needs Chromium at $CHROMIUM or /usr/bin/chromium.
 * @module
 */
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { chromium } from 'playwright-core'
import { main } from '../../packages/cli/dist/main.js'

const root = join(import.meta.dirname, '..', '..')
const seconds = Number(process.argv[2] ?? 50)

const colours = {
  1: 'font-weight:bold',
  2: 'color:#7d8590',
  31: 'color:#ff7b72',
  32: 'color:#3fb950',
  33: 'color:#d29922',
}

const esc = String.fromCharCode(27)
const upwards = new RegExp(`^\\r?${esc}\\[\\d+A`)
const erasures = new RegExp(`${esc}\\[(K|J|\\?25h)`, 'g')
const colourCode = new RegExp(`${esc}\\[(\\d+)m`, 'g')

/** The last frame that was drawn, as lines with colour codes. */
function lastFrame(written) {
  const frames = written.split(`${esc}[?25l`).filter((frame) => frame.includes('queries'))
  return frames.at(-1).replace(upwards, '').replace(erasures, '').trimEnd()
}

function toHtml(frame) {
  const text = frame.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return text.replace(colourCode, (_, code) => (colours[code] ? `<span style="${colours[code]}">` : '</span>'))
}

async function runDemo() {
  let written = ''
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      written += chunk
      done()
    },
  })
  Object.assign(stderr, { isTTY: true, columns: 118, rows: 60 })
  const stop = new AbortController()
  const stdin = new PassThrough()
  const env = { ...process.env, NO_COLOR: '' }
  const terminal = { stdin, stdout: new PassThrough().resume(), stderr, env, stop: stop.signal }
  const code = await main(['demo', '--for', `${seconds}s`], terminal)
  if (code !== 0) throw new Error(`the demo ended with ${code}:\n${written.slice(-2000)}`)
  return lastFrame(written)
}

async function draw(html, file) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  })
  try {
    const page = await browser.newPage({ deviceScaleFactor: 1.5 })
    const style = 'display:inline-block;margin:0;padding:20px;background:#0d1117;color:#e6edf3;font:14px/1.35 monospace'
    await page.setContent(`<body style="margin:0;background:#0d1117"><pre style="${style}">${html}</pre></body>`)
    await page.locator('pre').screenshot({ path: file })
  } finally {
    await browser.close()
  }
}

const file = join(root, 'docs', 'images', 'demo.png')
await draw(toHtml(await runDemo()), file)
console.log(file)
