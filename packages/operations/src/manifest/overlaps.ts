/**
 * KV paths that are given twice: within a workload one of them says nothing, between writers each would undo what
 * the other wrote.
 * @module
 */
import type { Contradiction } from './contradiction.js'
import { covers, overlap } from './kv-pattern.js'
import type { Manifest, Workload } from './schema.js'

/** Every overlap that an operator cannot have meant. */
export function overlappingPaths({ workloads }: Manifest): Contradiction[] {
  return [...workloads.flatMap(redundant), ...sharedWriters(workloads)]
}

function redundant({ kv }: Workload, index: number): Contradiction[] {
  return (['read', 'write'] as const).flatMap((verb) =>
    kv[verb].flatMap((path, p) => {
      const wider = kv[verb].find((other, o) => o !== p && covers(other, path) && (other !== path || o < p))
      if (wider === undefined) return []
      return [{ path: ['workloads', index, 'kv', verb, p], message: `${path} is within ${wider} already; keep one` }]
    }),
  )
}

function sharedWriters(workloads: readonly Workload[]): Contradiction[] {
  return workloads.flatMap(({ name, kv }, index) =>
    kv.write.flatMap((path, p) => {
      const earlier = workloads.slice(0, index).find((other) => other.kv.write.some((theirs) => overlap(theirs, path)))
      if (!earlier) return []
      const message = `${path} is written by ${earlier.name} and by ${name}; give each its own path`
      return [{ path: ['workloads', index, 'kv', 'write', p], message }]
    }),
  )
}
