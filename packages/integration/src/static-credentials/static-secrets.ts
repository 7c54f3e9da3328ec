/**
 * KV secrets when Vault is off: from named variables, and from a folder such as a mounted Kubernetes Secret.
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Secret } from '@chaveiro/rotation'
import { IntegrationError } from '../errors.js'

export interface StaticSecretsOptions {
  /** Variables without their prefix: `ORCHESTRATOR__KAFKA__PASSWORD`. */
  readonly variables: ReadonlyMap<string, Secret>
  /** Holds `<path>/<key>` files. */
  readonly folder: string | undefined
}

export class StaticSecrets {
  readonly #options: StaticSecretsOptions

  constructor(options: StaticSecretsOptions) {
    this.#options = options
  }

  /**
   * All keys of the secret at `path`, a variable before a file. Files are read anew each time.
   * @throws {IntegrationError} ERR_INTEGRATION_STATIC_SECRET_MISSING when there is none
   */
  async read(path: string): Promise<ReadonlyMap<string, Secret>> {
    const segments = path.split('/').filter((segment) => segment !== '')
    const found = new Map([...(await this.#fromFolder(segments)), ...this.#fromVariables(segments)])
    if (found.size > 0) return found
    throw new IntegrationError('ERR_INTEGRATION_STATIC_SECRET_MISSING', `no static credential stands in for ${path}`, {
      cure: `Set CHAVEIRO_STATIC_SECRET__${prefixOf(segments)}<KEY>, or put files with its keys into ${path} below CHAVEIRO_STATIC_SECRETS_FOLDER.`,
    })
  }

  #fromVariables(segments: readonly string[]): [string, Secret][] {
    const prefix = prefixOf(segments)
    return [...this.#options.variables]
      .filter(([name]) => name.startsWith(prefix) && name.length > prefix.length)
      .map(([name, value]): [string, Secret] => [name.slice(prefix.length).toLowerCase(), value])
      .filter(([key]) => !key.includes('__'))
  }

  async #fromFolder(segments: readonly string[]): Promise<[string, Secret][]> {
    const { folder } = this.#options
    // A path from an application must not lead out of the folder.
    if (folder === undefined || segments.some((segment) => segment === '.' || segment === '..')) return []
    const place = join(folder, ...segments)
    const names = await readdir(place).catch(() => [])
    const files = names.filter((name) => !name.startsWith('.'))
    const read = files.map(async (name): Promise<[string, Secret] | undefined> => {
      const content = await readFile(join(place, name), 'utf8').catch(() => undefined)
      return content === undefined ? undefined : [name, new Secret(content.replace(/\r?\n$/, ''))]
    })
    return (await Promise.all(read)).filter((entry) => entry !== undefined)
  }
}

/** `orchestrator/kafka` → `ORCHESTRATOR__KAFKA__`. */
function prefixOf(segments: readonly string[]): string {
  return segments.map((segment) => `${segment.toUpperCase().replace(/[^A-Z0-9]/g, '_')}__`).join('')
}
