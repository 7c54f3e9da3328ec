/**
 * The last events of each rotation, kept so that *why* can be asked after the fact.
 * @module
 */
import { type RotationEvent, rotationChannels } from './channels.js'

export interface FlightRecorderOptions {
  /** Events kept per rotation. Default 32; 1 to 10 000. */
  readonly eventsPerRotation?: number
  /** Rotations remembered; the one that was silent longest is forgotten first. Default 1 000; 1 to 1 000 000. */
  readonly rotations?: number
}

/** Listens to all rotations of the process until it is closed. Bounded in memory. */
export class FlightRecorder implements Disposable {
  readonly #eventsPerRotation: number
  readonly #rotations: number
  readonly #events = new Map<string, RotationEvent[]>()
  readonly #record = (message: unknown): void => this.#add(message as RotationEvent)

  /** @throws {RangeError} when an option is out of its limits */
  constructor({ eventsPerRotation = 32, rotations = 1000 }: FlightRecorderOptions = {}) {
    this.#eventsPerRotation = within('eventsPerRotation', eventsPerRotation, 10_000)
    this.#rotations = within('rotations', rotations, 1_000_000)
    for (const channel of Object.values(rotationChannels)) channel.subscribe(this.#record)
  }

  /** What is kept of one rotation, or of all in the order of time; oldest first. */
  events(rotationId?: string): readonly RotationEvent[] {
    if (rotationId !== undefined) return [...(this.#events.get(rotationId) ?? [])]
    return [...this.#events.values()].flat().sort((a, b) => a.atWallMs - b.atWallMs)
  }

  /** Stops listening; what was recorded stays readable. Calling it again is harmless. */
  close(): void {
    for (const channel of Object.values(rotationChannels)) channel.unsubscribe(this.#record)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #add(event: RotationEvent): void {
    const kept = this.#events.get(event.rotationId) ?? []
    kept.push(event)
    if (kept.length > this.#eventsPerRotation) kept.shift()
    // Written anew each time: a Map's order is then that of the last event, and the first key the quietest.
    this.#events.delete(event.rotationId)
    this.#events.set(event.rotationId, kept)
    if (this.#events.size > this.#rotations) {
      const [quietest] = this.#events.keys()
      if (quietest !== undefined) this.#events.delete(quietest)
    }
  }
}

function within(name: string, value: number, most: number): number {
  if (!(Number.isInteger(value) && value >= 1 && value <= most)) {
    throw new RangeError(`${name} must be a whole number from 1 to ${most}, got ${value}`)
  }
  return value
}
