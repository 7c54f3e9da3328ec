/**
 * JSON lines, one per event: who, when, how grave, what, why.
 * @module
 */
import { type Clock, Secret } from '@chaveiro/rotation'
import { type DestinationStream, type Logger, pino } from 'pino'
import { errorRecord } from './error-record.js'
import { type LogEventName, type LogLevel, logEvents } from './log-events.js'
import { scrub } from './scrub.js'

/** Where lines go: standard output, a file, an array in a test. */
export interface LogStream {
  write(line: string): unknown
}

/** The fields of one line. Times are in the unit that the field's name says. */
export interface LogFields {
  /** Why it happened, as a word: `schedule`, `truncated`, `token_expired`, … */
  readonly reason: string
  /** Binds the lines of one call or one attempt together. */
  readonly correlation_id?: string | undefined
  readonly error?: unknown
  readonly [field: string]: unknown
}

export interface LogOptions {
  readonly serviceName: string
  readonly level: LogLevel
  readonly stream: LogStream
  readonly clock: Clock
}

/** Writes the events of {@link logEvents}; nothing else is ever logged. */
export class Log {
  readonly #logger: Logger

  constructor({ serviceName, level, stream, clock }: LogOptions) {
    this.#logger = pino(
      {
        level,
        base: { service: serviceName },
        timestamp: () => `,"timestamp":"${new Date(clock.wallMs()).toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      stream as DestinationStream,
    )
  }

  /** Never throws: a stream that fails must not end the work that is told of. */
  event(name: LogEventName, fields: LogFields): void {
    const { level, component } = logEvents[name]
    try {
      this.#logger[level](this.#safe({ component, event: name, ...fields }))
    } catch {
      // There is nowhere left to tell it.
    }
  }

  #safe(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields)
        .filter(([, value]) => value !== undefined)
        .map(([field, value]) => [field, field === 'error' ? errorRecord(value) : printable(value)]),
    )
  }
}

/** Plain values only: an object of a stranger is not walked but left out. */
function printable(value: unknown): unknown {
  if (typeof value === 'string') return scrub(value)
  // To the thousandth: milliseconds of seconds, per mille of a share.
  if (typeof value === 'number') return Math.round(value * 1000) / 1000
  if (typeof value === 'boolean') return value
  if (Array.isArray(value)) return value.map(printable)
  return value instanceof Secret ? String(value) : undefined
}
