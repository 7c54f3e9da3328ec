/**
 * Reads the configuration: environment first, file second, what the service's own code gives third.
 * @module
 */
import { readFileSync } from 'node:fs'
import { assemble } from './assemble.js'
import type { Configuration } from './configuration.js'
import { contradictions } from './contradictions.js'
import { type Environment, keyList, type Reading, readEnvironment, type Written } from './environment.js'
import { ConfigurationError, type ConfigurationProblem } from './errors.js'
import { readConfigurationFile } from './file.js'
import {
  type ConfigurationPath,
  type ConfigurationValues,
  configurationFileVariable,
  configurationKeys,
} from './keys.js'

/** What a service's own code sets, as texts, by the key's place in the file. Variables and the file come before it. */
export type ConfigurationDefaults = Readonly<Partial<Record<ConfigurationPath, string>>>

export interface LoadOptions {
  /** Default: the environment of the process. */
  readonly env?: Environment
  /** Path of the file of settings (YAML). Default: what `CHAVEIRO_CONFIG` names; none when it is not set. */
  readonly file?: string
  readonly defaults?: ConfigurationDefaults
}

/**
 * Reads and checks the whole configuration.
 * @throws {ConfigurationError} with every problem found: unknown keys, bad values, contradictions, missing ones
 */
export function loadConfiguration({ env = process.env, file, defaults = {} }: LoadOptions = {}): Configuration {
  const readings = [
    readEnvironment(env),
    readFile(file ?? (env[configurationFileVariable] || undefined)),
    readDefaults(defaults),
  ]
  const problems = readings.flatMap((reading) => reading.problems)
  const written = new Map(readings.toReversed().flatMap((reading) => [...reading.written]))
  const values = parseValues(written, problems)
  const origin = (path: ConfigurationPath): string => written.get(path)?.origin ?? 'not set'
  // Judged as a whole only when each part is sound: else one slip would be reported thrice.
  throwIfAny(problems)
  throwIfAny(contradictions(values, origin))
  const assembled = assemble(values, env, origin)
  throwIfAny(assembled.problems)
  return assembled.configuration
}

function throwIfAny(problems: readonly ConfigurationProblem[]): void {
  const [first, ...others] = problems
  if (first !== undefined) throw new ConfigurationError([first, ...others])
}

function readFile(file: string | undefined): Reading {
  if (file === undefined) return { written: new Map(), problems: [] }
  try {
    return readConfigurationFile(readFileSync(file, 'utf8'), file)
  } catch (error) {
    const problem: ConfigurationProblem = {
      code: 'ERR_CONFIGURATION_FILE',
      key: configurationFileVariable,
      origin: file,
      message: `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      cure: `Make ${file} readable for this process, or unset ${configurationFileVariable}.`,
    }
    return { written: new Map(), problems: [problem] }
  }
}

function readDefaults(defaults: ConfigurationDefaults): Reading {
  const entries = Object.entries(defaults) as [ConfigurationPath, string | undefined][]
  const given = entries.filter((entry): entry is [ConfigurationPath, string] => entry[1] !== undefined)
  return {
    written: new Map(given.map(([path, text]): [ConfigurationPath, Written] => [path, { text, origin: 'code' }])),
    problems: given
      .filter(([path]) => !Object.hasOwn(configurationKeys, path))
      .map(([path]) => ({
        code: 'ERR_CONFIGURATION_UNKNOWN_KEY',
        key: path,
        origin: 'code',
        message: 'is not a setting of Chaveiro',
        cure: `Remove ${path} from the defaults that the code gives.`,
      })),
  }
}

function parseValues(
  written: ReadonlyMap<ConfigurationPath, Written>,
  problems: ConfigurationProblem[],
): ConfigurationValues {
  const values: Partial<Record<ConfigurationPath, unknown>> = {}
  for (const [path, key] of keyList) {
    const source =
      written.get(path) ?? (key.default === undefined ? undefined : { text: key.default, origin: 'default' })
    if (source === undefined) continue
    const parsed = key.kind.schema.safeParse(source.text)
    if (parsed.success) values[path] = parsed.data
    else {
      problems.push({
        code: 'ERR_CONFIGURATION_INVALID_VALUE',
        key: path,
        origin: source.origin,
        message: `must be ${key.kind.expects}`,
        cure: `Correct ${path} where it is set: ${source.origin}.`,
      })
    }
  }
  return values as ConfigurationValues
}
