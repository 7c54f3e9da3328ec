/**
 * The table of keys as rows for people: the documentation is written from this, so it cannot disagree with the code.
 * @module
 */
import { keyList } from './environment.js'
import { configurationFileVariable, staticSecretPrefix } from './keys.js'

/** One row of the documentation. */
export interface ConfigurationRow {
  /** Place in the file, dotted; undefined for what only a variable can set. */
  readonly key: string | undefined
  /** In the order in which they are asked. */
  readonly variables: readonly string[]
  readonly expects: string
  readonly default: string | undefined
  readonly summary: string
}

/** @returns every setting, in the order of the file */
export function describeConfiguration(): readonly ConfigurationRow[] {
  const rows = keyList.map(
    ([path, key]): ConfigurationRow => ({
      key: key.secret ? undefined : path,
      variables: key.env,
      expects: key.kind.expects,
      default: key.default,
      summary: key.summary,
    }),
  )
  return [...rows, ...variablesOnly]
}

const variablesOnly: readonly ConfigurationRow[] = [
  {
    key: undefined,
    variables: [`${staticSecretPrefix}<PATH>__<KEY>`],
    expects: 'a text that is not empty',
    default: undefined,
    summary:
      'Stands in for one key of a KV secret when Vault is off; path segments and key in capitals, two underscores between them.',
  },
  {
    key: undefined,
    variables: [configurationFileVariable],
    expects: 'the path of a YAML file',
    default: undefined,
    summary: 'File of settings; variables come before it.',
  },
]
