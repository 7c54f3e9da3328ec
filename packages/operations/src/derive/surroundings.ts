/**
 * What a manifest leaves to the place where it is applied: addresses, keys, the node under which workloads are.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { SpiffeId } from '@chaveiro/spiffe'
import type { LocatedManifest } from '../manifest/read.js'
import type { Manifest } from '../manifest/schema.js'
import type { PlanGroup } from '../plan/desired-object.js'
import { PlanError } from '../plan/errors.js'
import type { EntrySurroundings } from './desired-entries.js'
import type { VaultSurroundings } from './desired-vault.js'
import { expandVariables, type Variables } from './variables.js'

/** Everything that is missing is told at once. */
class Missing {
  readonly #found: string[] = []
  readonly #located: LocatedManifest

  constructor(located: LocatedManifest) {
    this.#located = located
  }

  add(path: readonly (string | number)[], what: string): void {
    this.#found.push(`${this.#located.file}:${this.#located.lineOf(path)} ${what}`)
  }

  throwIfAny(): void {
    if (this.#found.length === 0) return
    throw new PlanError('ERR_PLAN_INPUT_MISSING', this.#found.join('\n'), {
      cure: 'Set what is named (the environment, or the manifest) and run the command again; nothing was changed.',
    })
  }
}

/**
 * @param groups - only what these need is looked for
 * @throws {PlanError} `ERR_PLAN_INPUT_MISSING` with all that is missing
 */
export async function surroundingsOf(
  located: LocatedManifest,
  env: Variables,
  groups: readonly PlanGroup[],
): Promise<VaultSurroundings & EntrySurroundings> {
  const missing = new Missing(located)
  const { manifest } = located
  const jwt = groups.includes('policies') ? await jwtKeys(manifest, env, missing) : { jwksUrl: '' }
  const connectionUrls = groups.includes('database') ? urls(manifest, env, missing) : {}
  const entries = groups.includes('entries') ? entrySurroundings(manifest, env, missing) : noEntries
  missing.throwIfAny()
  return { jwt, connectionUrls, ...entries }
}

const noEntries: EntrySurroundings = { parent: undefined, selectors: {} }

async function jwtKeys({ vault }: Manifest, env: Variables, missing: Missing): Promise<VaultSurroundings['jwt']> {
  if (vault.jwtKeys) {
    const keys = vault.jwtKeys.map((file, index) => fileText(file, ['vault', 'jwtKeys', index], missing))
    return { publicKeysPem: await Promise.all(keys) }
  }
  const jwksUrl = vault.jwksUrl ?? env.CHAVEIRO_JWKS_URL
  if (!jwksUrl) missing.add(['vault'], "neither vault.jwksUrl nor CHAVEIRO_JWKS_URL says where SPIRE's JWT keys are")
  const ca = vault.jwksCa === undefined ? {} : { jwksCaPem: await fileText(vault.jwksCa, ['vault', 'jwksCa'], missing) }
  return { jwksUrl: jwksUrl ?? '', ...ca }
}

async function fileText(file: string, path: (string | number)[], missing: Missing): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    missing.add(path, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
    return ''
  }
}

function urls({ databases }: Manifest, env: Variables, missing: Missing): Readonly<Record<string, string>> {
  return Object.fromEntries(
    databases.map(({ name, connectionUrl }, index) => {
      const { text, unset } = expandVariables(connectionUrl, env)
      for (const variable of unset) missing.add(['databases', index, 'connectionUrl'], `${variable} is not set`)
      return [name, text]
    }),
  )
}

function entrySurroundings(manifest: Manifest, env: Variables, missing: Missing): EntrySurroundings {
  const selectors = selectorOverrides(env.CHAVEIRO_SPIRE_SELECTORS)
  const parent = manifest.spire.parent ?? parentFrom(env.CHAVEIRO_SPIRE_PARENT, missing)
  manifest.workloads.forEach(({ name, parent: own }, index) => {
    if (!own && !parent) {
      missing.add(['workloads', index], `no parent for ${name}: set spire.parent, its own, or CHAVEIRO_SPIRE_PARENT`)
    }
  })
  return { parent, selectors }
}

function parentFrom(text: string | undefined, missing: Missing): SpiffeId | undefined {
  if (!text) return undefined
  try {
    return SpiffeId.parse(text)
  } catch (error) {
    missing.add([], `CHAVEIRO_SPIRE_PARENT is no SPIFFE ID: ${(error as Error).message}`)
    return undefined
  }
}

/** `name=selector,selector;name=selector`: for a machine on which the manifest's own selectors match nothing. */
function selectorOverrides(text = ''): Readonly<Record<string, readonly string[]>> {
  const pairs = text.split(';').filter(Boolean)
  return Object.fromEntries(
    pairs.map((pair) => {
      const split = pair.indexOf('=')
      return [
        pair.slice(0, split).trim(),
        pair
          .slice(split + 1)
          .split(',')
          .map((each) => each.trim()),
      ]
    }),
  )
}
