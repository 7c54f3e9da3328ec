/**
 * From the variables of the environment to what was written for each key.
 * @module
 */
import type { ConfigurationProblem } from './errors.js'
import {
  type ConfigurationKey,
  type ConfigurationPath,
  configurationFileVariable,
  configurationKeys,
  staticSecretPrefix,
  variablesOfTheCommand,
} from './keys.js'
import { nearest } from './nearest.js'

/** The environment as Node has it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A value as it was written, and where. */
export interface Written {
  readonly text: string
  readonly origin: string
}

/** What one place says. */
export interface Reading {
  readonly written: ReadonlyMap<ConfigurationPath, Written>
  readonly problems: readonly ConfigurationProblem[]
}

/** The table with its keys as a list. */
export const keyList = Object.entries(configurationKeys) as [ConfigurationPath, ConfigurationKey<unknown>][]

/** Kubernetes adds these for a service whose name begins with `chaveiro`; they are nobody's mistake. */
const serviceLink = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

/** An empty variable counts as not set, as charts and compose files write it. */
export function readEnvironment(env: Environment): Reading {
  const written = new Map<ConfigurationPath, Written>()
  for (const [path, key] of keyList) {
    const variable = key.env.find((candidate) => isSet(env, candidate))
    if (variable !== undefined) {
      written.set(path, { text: env[variable] ?? '', origin: `environment variable ${variable}` })
    }
  }
  return { written, problems: [...unknownVariables(env), ...refusedVariables(env)] }
}

const isSet = (env: Environment, variable: string): boolean => (env[variable] ?? '') !== ''

function unknownVariables(env: Environment): ConfigurationProblem[] {
  const known = new Set([configurationFileVariable, ...keyList.flatMap(([, key]) => key.env)])
  const isOurs = (variable: string): boolean =>
    variable.startsWith('CHAVEIRO_') &&
    !known.has(variable) &&
    !variablesOfTheCommand.has(variable) &&
    !variable.startsWith(staticSecretPrefix) &&
    !serviceLink.test(variable)
  return Object.keys(env)
    .filter((variable) => isSet(env, variable) && isOurs(variable))
    .map((variable) => {
      const meant = nearest(variable, known)
      return {
        code: 'ERR_CONFIGURATION_UNKNOWN_KEY',
        key: variable,
        origin: `environment variable ${variable}`,
        message: `is not a setting of Chaveiro${meant ? `; did you mean ${meant}?` : ''}`,
        cure: meant ? `Rename ${variable} to ${meant}, or unset it.` : `Unset ${variable}.`,
      }
    })
}

/** Variables that change what a Vault client trusts, which we do not obey: silence would mislead. */
function refusedVariables(env: Environment): ConfigurationProblem[] {
  return ['BAO_SKIP_VERIFY', 'VAULT_SKIP_VERIFY']
    .filter((variable) => isSet(env, variable) && !/^(0|false|f)$/i.test(env[variable] ?? ''))
    .map((variable) => ({
      code: 'ERR_CONFIGURATION_CONTRADICTION',
      key: variable,
      origin: `environment variable ${variable}`,
      message: "asks not to verify Vault's certificate, which a service never does",
      cure: `Unset ${variable} and name the CA that signed Vault's certificate in VAULT_CACERT.`,
    }))
}
