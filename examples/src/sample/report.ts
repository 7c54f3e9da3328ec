/**
 * What a sample service tells whoever watches it: JSON lines on stdout, beside its log events.
 * @module
 */

/** Work done so far; counts only grow. */
export interface Work {
  readonly queries: { done: number; failed: number }
  readonly calls: { accepted: number; refusedAsExpected: number; failed: number }
}

export const newWork = (): Work => ({
  queries: { done: 0, failed: 0 },
  calls: { accepted: 0, refusedAsExpected: 0, failed: 0 },
})

/** Writes one line. Only counts, names and addresses go in: never a value that was fetched. */
export function report(event: `sample_${string}`, fields: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)
}
