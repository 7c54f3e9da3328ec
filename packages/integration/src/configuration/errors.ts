/**
 * What is wrong with a configuration: which key, where its value came from, and what to do.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type ConfigurationErrorCode =
  | 'ERR_CONFIGURATION_UNKNOWN_KEY'
  | 'ERR_CONFIGURATION_INVALID_VALUE'
  | 'ERR_CONFIGURATION_MISSING'
  | 'ERR_CONFIGURATION_CONTRADICTION'
  | 'ERR_CONFIGURATION_FILE'

/** One complaint. Never quotes the value: what was set by mistake may be a secret. */
export interface ConfigurationProblem {
  readonly code: ConfigurationErrorCode
  /** The key concerned, dotted as in the file: `vault.address`. For an unknown one, as it was written. */
  readonly key: string
  /** Where the value came from: a variable's name, `file:line:column`, or `not set`. */
  readonly origin: string
  readonly message: string
  /** The next step for whoever reads this. */
  readonly cure: string
}

/** A configuration that cannot be used. Holds every problem found; the fields of the first one are its own. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly code: ConfigurationErrorCode
  readonly key: string
  readonly origin: string
  readonly cure: string

  constructor(
    readonly problems: readonly [ConfigurationProblem, ...ConfigurationProblem[]],
    options?: { cause?: unknown },
  ) {
    super(problems.map(({ key, message, origin }) => `${key}: ${message} (${origin})`).join('\n'), options)
    const [first] = problems
    this.code = first.code
    this.key = first.key
    this.origin = first.origin
    this.cure = [...new Set(problems.map(({ cure }) => cure))].join('\n')
  }
}
