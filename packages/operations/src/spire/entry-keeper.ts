/**
 * Registration entries: ours by the prefix of their IDs.
 * @module
 */
import type { DesiredObject, LiveObject } from '../plan/desired-object.js'
import { meaning } from '../plan/field.js'
import type { Keeper, Sought } from '../plan/keeper.js'
import type { SpireEntry } from './entry.js'
import type { EntryApi } from './entry-api.js'

export class EntryKeeper implements Keeper {
  readonly kinds = ['entry'] as const
  readonly #server: EntryApi
  readonly #prefix: string
  #listed: Promise<readonly SpireEntry[]> | undefined

  /** @param prefix - of the IDs of our entries */
  constructor(server: EntryApi, prefix: string) {
    this.#server = server
    this.#prefix = prefix
  }

  /** All entries, asked for once. */
  list(signal?: AbortSignal): Promise<readonly SpireEntry[]> {
    this.#listed ??= this.#server.listEntries(signal)
    return this.#listed
  }

  /** Ours, by ID. */
  async ours(signal?: AbortSignal): Promise<readonly SpireEntry[]> {
    return (await this.list(signal)).filter(({ id }) => id.startsWith(this.#prefix))
  }

  /** Ours of that ID; else one that SPIRE would call similar, which it lets nobody make a second time. */
  async read({ path, fields }: Sought, signal?: AbortSignal): Promise<LiveObject | undefined> {
    const own = await this.#server.getEntry(path, signal)
    if (own) return { fields: { ...own }, owner: 'us', id: own.id }
    if (!fields) return undefined
    const wanted = identityOf((name) => fields[name]?.value)
    const similar = (await this.list(signal)).find(
      (entry) => identityOf((name) => entry[name as keyof SpireEntry]) === wanted,
    )
    return similar && !similar.id.startsWith(this.#prefix)
      ? { fields: { ...similar }, owner: 'other', id: similar.id }
      : undefined
  }

  /** An entry that is taken over is made anew under an ID of ours: IDs cannot be changed. */
  async write(
    object: DesiredObject,
    live: LiveObject | undefined,
    _values: object,
    signal?: AbortSignal,
  ): Promise<void> {
    const values = Object.fromEntries(Object.entries(object.fields).map(([name, { value }]) => [name, value]))
    const entry = { ...values, id: object.path } as unknown as SpireEntry
    if (live?.owner === 'us') return this.#server.updateEntry(entry, signal)
    if (live?.id !== undefined) await this.#server.deleteEntry(live.id, signal)
    await this.#server.createEntry(entry, signal)
  }

  remove({ path }: Sought, _live: LiveObject, signal?: AbortSignal): Promise<void> {
    return this.#server.deleteEntry(path, signal)
  }
}

/** What SPIRE allows only once: SPIFFE ID, parent and selectors together. */
function identityOf(field: (name: string) => unknown): string {
  return [
    meaning('text', field('spiffe_id')),
    meaning('text', field('parent_id')),
    meaning('set', field('selectors')),
  ].join()
}
