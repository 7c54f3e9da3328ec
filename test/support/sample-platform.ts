/**
 * The sample platform on the embedded stack, with lives short enough to watch.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { demoTtls, EmbeddedStack, prepareStack, readSampleManifest, SamplePlatform, sampleFiles } from '@chaveiro/dev'

export interface RunningPlatform extends AsyncDisposable {
  readonly stack: EmbeddedStack
  readonly platform: SamplePlatform
}

/** All services are ready when this resolves. Whoever starts it closes it. */
export async function startSamplePlatform(): Promise<RunningPlatform> {
  const files = sampleFiles()
  const manifest = readSampleManifest(await readFile(files.manifest, 'utf8'), files.manifest)
  const stack = await EmbeddedStack.start({ trustDomain: manifest.trustDomain, ttls: demoTtls })
  try {
    await prepareStack(stack, manifest)
    const platform = await SamplePlatform.start({ stack, script: files.script })
    return {
      stack,
      platform,
      async [Symbol.asyncDispose]() {
        await platform.close()
        await stack.close()
      },
    }
  } catch (error) {
    await stack.close()
    throw error
  }
}
