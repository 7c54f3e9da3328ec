/**
 * Secrets of the KV engine: which keys are there. Values are written, never read.
 * @see https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-subkeys
 * @module
 */
import type { Secret } from '@chaveiro/rotation'
import type { VaultClient } from '@chaveiro/vault'
import type { DesiredObject, LiveObject } from '../plan/desired-object.js'
import type { Keeper, Sought } from '../plan/keeper.js'
import { type Document, explainRefusal } from './read-document.js'

interface Subkeys {
  readonly subkeys: Document | null
  readonly metadata?: { readonly version: number }
}

export class SecretKeeper implements Keeper {
  readonly kinds = ['secret'] as const
  readonly #client: VaultClient
  readonly #mount: string
  readonly #replace: (path: string) => boolean

  /** @param replace - whether a secret that was deleted is to be written anew */
  constructor(client: VaultClient, mount: string, replace: (path: string) => boolean) {
    this.#client = client
    this.#mount = mount
    this.#replace = replace
  }

  async read({ path }: Sought, signal?: AbortSignal): Promise<LiveObject | undefined> {
    const subkeys = `${this.#mount}/subkeys/${path.slice(`${this.#mount}/data/`.length)}`
    const request = {
      method: 'GET',
      path: subkeys,
      operation: 'secret',
      idempotent: true,
      accepts: [404],
      signal,
    } as const
    const { data, status } = await this.#client.request<Subkeys | null>(request).catch((error: unknown) => {
      throw explainRefusal(error, subkeys, 'read')
    })
    if (!data?.metadata) return undefined
    const { version: revision } = data.metadata
    if (status !== 404) return { fields: data.subkeys ?? {}, owner: 'us', revision }
    const untouchable = `version ${revision} was deleted on purpose: undelete it (vault kv undelete), or write it anew with --replace`
    return { fields: {}, owner: 'us', revision, ...(!this.#replace(path) && { untouchable }) }
  }

  /** Adds what is missing; keys that nobody declared are kept. Somebody else's write in between refuses ours. */
  async write(
    { path }: DesiredObject,
    live: LiveObject | undefined,
    values: Readonly<Record<string, Secret>>,
    signal?: AbortSignal,
  ): Promise<void> {
    const data = Object.fromEntries(Object.entries(values).map(([key, secret]) => [key, secret.expose()]))
    const patches = live !== undefined && Object.keys(live.fields).some((key) => !(key in values))
    const body = { options: { cas: live?.revision ?? 0 }, data }
    await this.#client
      .request({ method: patches ? 'PATCH' : 'POST', path, body, operation: 'secret', signal })
      .catch((error: unknown) => {
        throw explainRefusal(error, path, patches ? 'patch' : live ? 'update' : 'create')
      })
  }

  /** Never asked for: a value that is gone is gone for good. */
  async remove(): Promise<void> {}
}
