/**
 * From one value to the next: the consumer adopts the new one and says when the previous one is drained.
 * @module
 */
import type { Holding } from './lifetime.js'
import type { Handing, RotationRecord } from './record.js'
import { drainEnded, drainSignalled, retired } from './state.js'
import { codeOf, tell } from './telling.js'

export function handOver<T>(record: RotationRecord<T>, next: T, previous: Holding<T> | undefined): void {
  const { consumer } = record
  if (consumer === undefined) return
  // A first adoption that never ended is let go.
  record.handing?.controller.abort()
  const controller = new AbortController()
  const handing: Handing = { controller, settled: Promise.resolve() }
  record.handing = handing
  const handover = { signal: controller.signal, ...(previous && { previous: previous.value }) }
  // Called at once, so that the consumer and current() change over at the same moment.
  const adoption = (async () => consumer.adopt(next, handover))()
  handing.settled = adoption.then(
    () => finish(record, handing),
    (error: unknown) => failAdoption(record, handing, error),
  )
}

/** The previous value has no life left to drain in. */
export function signalDrain<T>(record: RotationRecord<T>): void {
  record.state = drainSignalled(record.state)
  record.handing?.controller.abort(record.timeout('the previous value has no life left to drain in'))
}

/** @param forced - whether the consumer is no longer waited for */
export function endDrain<T>(record: RotationRecord<T>, forced: boolean): void {
  const { draining } = record.state
  if (draining === undefined) return
  record.handing = undefined
  record.state = retired(drainEnded(record.state), draining.holding, draining.cause, record.nowMs())
  tell(record, 'drained', draining.cause, { forced })
  record.requests?.drained()
}

function finish<T>(record: RotationRecord<T>, handing: Handing): void {
  if (handing !== record.handing) return
  record.handing = undefined
  endDrain(record, false)
  record.wake()
}

/** What still uses the previous value is unknown then: it lives on until its drain is over. */
function failAdoption<T>(record: RotationRecord<T>, handing: Handing, error: unknown): void {
  if (handing !== record.handing) return
  const { draining } = record.state
  tell(record, 'failed', draining?.cause ?? 'start', { step: 'adopt', ...codeOf(error) })
  record.requests?.drainFailed(error)
  if (draining === undefined) record.handing = undefined
  else if (draining.signalled) finish(record, handing)
}
