/**
 * The frame of every sample service: run until asked to stop; an error ends the process with what happened, why
 * and what to do next, and with an exit code that tells its kind.
 * @module
 */
import { exitCodeFor } from '@chaveiro/integration'
import { stopSignal } from './stop.js'

/** Runs a service to its end. */
export async function runSample(service: (stop: AbortSignal) => Promise<void>): Promise<void> {
  try {
    await service(stopSignal())
  } catch (error) {
    for (const line of story(error)) process.stderr.write(`${line}\n`)
    process.exitCode = exitCodeFor(error)
  } finally {
    // The tether would keep a service that has failed from ending.
    process.stdin.destroy()
  }
}

/** The error, its causes, and the cure of the innermost one that has one: that is where the trouble began. */
function story(error: unknown): string[] {
  const chain: Error[] = []
  for (let at = error; at instanceof Error && chain.length < 10; at = at.cause) chain.push(at)
  const code = (each: Error): string => ('code' in each && typeof each.code === 'string' ? `${each.code}: ` : '')
  const cure = chain.map((each) => ('cure' in each ? String(each.cure) : '')).findLast((text) => text !== '')
  return [
    ...chain.map((each, depth) => `${depth === 0 ? 'error' : '  because'}: ${code(each)}${each.message}`),
    ...(cure ? [`  next: ${cure}`] : []),
  ]
}
