/**
 * Memory per idle rotation. Prints one JSON object: bytes per rotation at several counts, on the heap after a
 * full collection, for the engine alone (one source shared by all) and with a source and a value of its own each.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Rotator } from '@chaveiro/rotation'
import { FakeClock } from '@chaveiro/rotation/testing'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

function heapBytes() {
  for (let times = 0; times < 4; times += 1) collect()
  return process.memoryUsage().heapUsed
}

/** @param {number} index @returns {import('@chaveiro/rotation').Source<object>} */
function leaseSource(index) {
  const name = `role-${index}`
  return {
    credentialType: 'database',
    name,
    server: 'vault',
    issue: async () => ({
      value: { username: name, leaseId: `database/creds/${index}` },
      ttlSeconds: 3600,
      renewable: true,
    }),
    renew: async (_, { incrementSeconds }) => ({ ttlSeconds: incrementSeconds, renewable: true }),
    revoke: async () => {},
  }
}

const sharedValue = {}
const sharedSource = {
  ...leaseSource(0),
  issue: async () => ({ value: sharedValue, ttlSeconds: 3600, renewable: true }),
}

/**
 * @param {number} count
 * @param {(index: number) => import('@chaveiro/rotation').Source<object>} sourceOf
 */
async function bytesPerRotation(count, sourceOf) {
  const clock = new FakeClock()
  const rotator = new Rotator({ clock })
  const before = heapBytes()
  for (let index = 0; index < count; index += 1) rotator.rotate(sourceOf(index))
  await clock.advance(0)
  // A whole life: each has been renewed once or twice and is idle again.
  await clock.advance(4_000_000)
  const live = [...rotator.rotations].filter((rotation) => rotation.snapshot().state === 'live').length
  if (live !== count) throw new Error(`${count - live} rotations are not live`)
  const bytes = (heapBytes() - before) / count
  await rotator.close({ revoke: false })
  return Math.round(bytes)
}

const counts = [1_000, 10_000, 100_000]
const engineOnly = {}
const withOwnSource = {}
for (const count of counts) {
  engineOnly[count] = await bytesPerRotation(count, () => sharedSource)
  withOwnSource[count] = await bytesPerRotation(count, leaseSource)
}
console.log(JSON.stringify({ node: process.version, bytesPerIdleRotation: { engineOnly, withOwnSource } }))
