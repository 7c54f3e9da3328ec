/** All events of the process, as they are published, until it is closed. */
import { type RotationEvent, type RotationEventKind, rotationChannels } from '@chaveiro/rotation'

export class EventLog implements Disposable {
  readonly events: RotationEvent[] = []
  readonly #add = (event: unknown): void => void this.events.push(event as RotationEvent)

  constructor() {
    for (const channel of Object.values(rotationChannels)) channel.subscribe(this.#add)
  }

  of(kind: RotationEventKind): RotationEvent[] {
    return this.events.filter((event) => event.kind === kind)
  }

  kinds(): RotationEventKind[] {
    return this.events.map(({ kind }) => kind)
  }

  [Symbol.dispose](): void {
    for (const channel of Object.values(rotationChannels)) channel.unsubscribe(this.#add)
  }
}
