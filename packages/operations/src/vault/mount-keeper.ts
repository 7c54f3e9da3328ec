/**
 * Secrets engines and auth methods: mounted when they are missing, used as they are otherwise.
 * @module
 */
import { type Clock, sleep } from '@chaveiro/rotation'
import { InvalidRequestError, type VaultClient } from '@chaveiro/vault'
import type { DesiredObject, LiveObject } from '../plan/desired-object.js'
import type { Keeper, Sought } from '../plan/keeper.js'
import { explainRefusal } from './read-document.js'

const description = 'Mounted by chaveiro'
/** A KV engine that was just mounted refuses requests while it makes itself ready. */
const readyAttempts = 50
const readyPollMs = 100

export class MountKeeper implements Keeper {
  readonly kinds = ['secrets engine', 'auth method'] as const
  readonly #client: VaultClient
  readonly #clock: Clock

  constructor(client: VaultClient) {
    this.#client = client
    this.#clock = client.clock
  }

  async read({ path }: Sought, signal?: AbortSignal): Promise<LiveObject | undefined> {
    const { table, name } = this.#at(path)
    const mounts = await table.list({ signal }).catch((error: unknown) => {
      throw explainRefusal(error, path.slice(0, -name.length - 1), 'read')
    })
    const mount = mounts.find((each) => each.path === `${name}/`)
    if (!mount) return undefined
    const fields = { type: mount.type, version: mount.options.version }
    const untouchable = `a ${mount.type} engine is mounted here and is not replaced: choose another mount in vault.mounts`
    return { fields, owner: 'nobody', untouchable }
  }

  async write({ path, fields }: DesiredObject, _live: undefined, _values: object, signal?: AbortSignal): Promise<void> {
    const { table, name } = this.#at(path)
    const version = fields.version && { options: { version: String(fields.version.value) } }
    await table.enable(name, { type: String(fields.type?.value), description, ...version }, { signal })
    if (version) await this.#ready(name, signal)
  }

  /** Never asked for: what is mounted holds what others may need. */
  async remove(): Promise<void> {}

  async #ready(name: string, signal: AbortSignal | undefined): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#client.request({
          method: 'GET',
          path: `${name}/config`,
          operation: 'mount',
          idempotent: true,
          signal,
        })
        return
      } catch (error) {
        if (!(error instanceof InvalidRequestError) || attempt === readyAttempts) throw error
        await sleep(this.#clock, readyPollMs, signal)
      }
    }
  }

  #at(path: string) {
    const [, kind, name = ''] = /^sys\/(mounts|auth)\/(.+)$/.exec(path) ?? []
    return { table: kind === 'auth' ? this.#client.sys.auth : this.#client.sys.mounts, name }
  }
}
