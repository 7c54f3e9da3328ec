/**
 * The service's secrets: from Vault's KV v2, or from the static ones that stand in for it.
 * @module
 */
import { Secret } from '@chaveiro/rotation'
import type { VaultSession } from '@chaveiro/vault'
import { type SecretFetched, secretFetched } from '../channels.js'
import { IntegrationError } from '../errors.js'
import type { StaticSecrets } from '../static-credentials/static-secrets.js'

/** One secret: its keys, each with a value that does not show itself. */
export interface ServiceSecret {
  readonly path: string
  readonly keys: readonly string[]
  /** Version in Vault; undefined for a static one. */
  readonly version: number | undefined
  /** @throws {IntegrationError} ERR_INTEGRATION_SECRET_KEY_MISSING */
  get(key: string): Secret
}

export interface ReadOptions {
  readonly signal?: AbortSignal
}

/** Where secrets come from. */
export type SecretsOrigin =
  | { readonly session: VaultSession; readonly mount: string }
  | { readonly static: StaticSecrets }

/** Reads secrets; each read asks the server anew and is an event. */
export class Secrets {
  readonly #origin: SecretsOrigin

  constructor(origin: SecretsOrigin) {
    this.#origin = origin
  }

  /**
   * The latest version of the secret at `path`, below the mount of the configuration.
   * @throws {VaultError} when Vault has none or does not answer
   * @throws {IntegrationError} ERR_INTEGRATION_STATIC_SECRET_MISSING with Vault off
   */
  async read(path: string, { signal }: ReadOptions = {}): Promise<ServiceSecret> {
    if ('static' in this.#origin) {
      const values = await this.#origin.static.read(path)
      return told('static', new ReadSecret(path, values, undefined))
    }
    const { session, mount } = this.#origin
    const { data, version } = await session.kv(mount).read(path, signal === undefined ? {} : { signal })
    const values = new Map(Object.entries(data).map(([key, value]) => [key, new Secret(textOf(value))]))
    return told('vault', new ReadSecret(path, values, version))
  }
}

class ReadSecret implements ServiceSecret {
  readonly #values: ReadonlyMap<string, Secret>

  constructor(
    readonly path: string,
    values: ReadonlyMap<string, Secret>,
    readonly version: number | undefined,
  ) {
    this.#values = values
  }

  get keys(): readonly string[] {
    return [...this.#values.keys()]
  }

  get(key: string): Secret {
    const value = this.#values.get(key)
    if (value !== undefined) return value
    throw new IntegrationError('ERR_INTEGRATION_SECRET_KEY_MISSING', `the secret ${this.path} has no key ${key}`, {
      cure: `It has ${this.keys.join(', ') || 'no keys at all'}: correct the key, or populate the secret.`,
    })
  }
}

function told(source: SecretFetched['source'], secret: ServiceSecret): ServiceSecret {
  const { path, version } = secret
  secretFetched.publish({ path, source, ...(version === undefined ? {} : { version }) } satisfies SecretFetched)
  return secret
}

/** KV v2 holds any JSON; what is not a text is given as JSON. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
