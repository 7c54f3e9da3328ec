/**
 * A value that must not be printed by accident.
 * @module
 */
import { inspect } from 'node:util'

const redacted = '[redacted]'

/**
 * Holds a secret so that logging, string building, JSON and `util.inspect` show `[redacted]`.
 * Only {@link Secret.expose} gives the value, which makes every use easy to find.
 * This guards against accidents, not against code that means harm: JavaScript cannot wipe strings.
 */
export class Secret<T = string> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The value itself. Hand it to the protocol that needs it, never to a log, an error or a label. */
  expose(): T {
    return this.#value
  }

  toString(): string {
    return redacted
  }

  toJSON(): string {
    return redacted
  }

  [Symbol.toPrimitive](): string {
    return redacted
  }

  [inspect.custom](): string {
    return redacted
  }
}
