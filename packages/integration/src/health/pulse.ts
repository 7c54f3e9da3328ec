/**
 * Whether the engine still tries: when each credential was last heard of. A reply alone proves little (an agent whose
 * own identity has expired answers its probe too), the age of the last event proves more.
 * @module
 */
import { type Clock, type RotationEvent, rotationChannels } from '@chaveiro/rotation'
import { Subscriptions } from '../telemetry/subscriptions.js'

/**
 * A credential that has ended and of which nothing was heard for so long, in milliseconds, is no longer tried for.
 * The longest pause between two attempts is five minutes, so two of them were missed and more.
 */
const stuckAfterMs = 15 * 60_000

export class Pulse {
  readonly #subscriptions = new Subscriptions()
  readonly #lastMs = new Map<string, number>()
  readonly #bornMs: number
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.#bornMs = clock.monotonicMs()
    for (const channel of Object.values(rotationChannels)) {
      this.#subscriptions.on<RotationEvent>(channel, ({ rotationId }) => this.beat(rotationId))
    }
  }

  /** Something was heard of this credential, be it a failure. */
  beat(credentialId: string): void {
    this.#lastMs.set(credentialId, this.#clock.monotonicMs())
  }

  /** Forgets credentials that are no longer kept. */
  keepOnly(credentialIds: ReadonlySet<string>): void {
    for (const id of this.#lastMs.keys()) if (!credentialIds.has(id)) this.#lastMs.delete(id)
  }

  isStuck(credentialId: string): boolean {
    return this.#clock.monotonicMs() - (this.#lastMs.get(credentialId) ?? this.#bornMs) > stuckAfterMs
  }

  close(): void {
    this.#subscriptions.close()
  }
}
