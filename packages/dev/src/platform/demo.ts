/**
 * The main job, from an empty machine to a verdict: stack, configuration, platform, a while of work, an orderly
 * end, and a look at what is left behind.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { type Clock, sleep, systemClock } from '@chaveiro/rotation'
import { EmbeddedStack } from '../embedded-stack.js'
import { RealStack } from '../real-stack.js'
import type { Stack } from '../stack.js'
import { sampleFiles } from './files.js'
import { knownLeftBehind } from './left-behind.js'
import type { PlatformView } from './model.js'
import { SamplePlatform } from './platform.js'
import { prepareStack } from './prepare.js'
import { type DemoSummary, summarize } from './summary.js'
import { demoTtls, readSampleManifest } from './ttls.js'

export interface DemoOptions {
  /** On HashiCorp Vault and SPIRE in place of the embedded servers. */
  readonly real: boolean
  /** How long the platform works, in milliseconds, from when all its services are ready. Absent: until `signal`. */
  readonly forMs?: number
  /** Told one line for each thing that was chosen or done. */
  readonly note: (line: string) => void
  /** Called about twice a second with what can be seen. */
  readonly onView: (view: PlatformView) => void
  readonly signal: AbortSignal
  readonly clock?: Clock
}

const drawEveryMs = 500

/** @returns the verdict; whatever happened, everything that was started is closed by then */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const clock = options.clock ?? systemClock
  const startMs = clock.monotonicMs()
  const files = sampleFiles()
  const manifest = readSampleManifest(await readFile(files.manifest, 'utf8'), files.manifest)
  const start = { trustDomain: manifest.trustDomain, ttls: demoTtls, note: options.note }
  await using stack = options.real
    ? await RealStack.start({ ...start, reads: [files.script('service-registry')] })
    : await EmbeddedStack.start(start)
  await prepareStack(stack, manifest)
  const platform = await SamplePlatform.start({ stack, script: files.script, clock, startMs, signal: options.signal })
  options.note('platform    all services are ready; Ctrl-C closes them in order')
  const workedMs = await work(platform, options)
  options.note('closing     services give back their leases and tokens')
  await platform.close()
  // Awaited here: the servers must still be there to be asked.
  return await judge(stack, platform, workedMs)
}

/** Lets the platform work and shows it, until the time is up, the user stops it, or a service falls. */
async function work(
  platform: SamplePlatform,
  { forMs, onView, signal, clock = systemClock }: DemoOptions,
): Promise<number> {
  const startMs = clock.monotonicMs()
  const passedMs = (): number => clock.monotonicMs() - startMs
  while (!signal.aborted && platform.casualties.length === 0 && passedMs() < (forMs ?? Number.POSITIVE_INFINITY)) {
    onView(platform.view())
    await sleep(clock, drawEveryMs, signal).catch(() => {})
  }
  onView(platform.view())
  return passedMs()
}

async function judge(stack: Stack, platform: SamplePlatform, durationMs: number): Promise<DemoSummary> {
  const { services, queries, calls, firstQueryMs } = platform.view()
  return summarize({
    durationMs,
    firstQueryMs,
    servers: stack.servers,
    credentials: services.flatMap(({ credentials }) => credentials),
    queries,
    calls,
    leftBehind: await knownLeftBehind(stack),
    casualties: platform.casualties,
  })
}
