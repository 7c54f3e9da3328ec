/**
 * What Chaveiro has made in Vault, for objects that have no room for a mark of their own. It lies in the KV engine at
 * `chaveiro/ledger/<owner>` and is written with check-and-set, so that two runs at once lose nothing.
 * @module
 */
import { CasMismatchError, NotFoundError, SecretDeletedError, type VaultClient } from '@chaveiro/vault'
import { ledgerFolder } from '../manifest/rules.js'
import type { ObjectKind } from '../plan/desired-object.js'
import { explainRefusal } from './read-document.js'

interface Page {
  /** Kind by path. */
  readonly objects: ReadonlyMap<string, ObjectKind>
  readonly version: number
}

const writeAttempts = 10

/** Whose an object is, by its path. */
export class Ledger {
  readonly path: string
  readonly #client: VaultClient
  readonly #mount: string
  #page: Page = { objects: new Map(), version: 0 }

  constructor(client: VaultClient, mount: string, owner: string) {
    this.#client = client
    this.#mount = mount
    this.path = `${ledgerFolder}/${owner}`
  }

  /** Reads it anew. A KV engine that is not mounted yet holds no ledger. */
  async load(signal?: AbortSignal): Promise<void> {
    this.#page = await this.#read(signal)
  }

  has(path: string): boolean {
    return this.#page.objects.has(path)
  }

  get objects(): ReadonlyMap<string, ObjectKind> {
    return this.#page.objects
  }

  /** Enters some and strikes out others, in one write; nothing is written when nothing changes. */
  async change(
    { enter = new Map(), strike = [] }: { enter?: ReadonlyMap<string, ObjectKind>; strike?: readonly string[] },
    signal?: AbortSignal,
  ): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const page = await this.#read(signal)
      const objects = new Map([...page.objects, ...enter])
      for (const path of strike) objects.delete(path)
      this.#page = { objects, version: page.version }
      if (objects.size === page.objects.size && [...objects.keys()].every((path) => page.objects.has(path))) return
      try {
        const sorted = [...objects].sort(([left], [right]) => (left < right ? -1 : 1))
        await this.#client
          .kv(this.#mount)
          .write(this.path, { objects: Object.fromEntries(sorted) }, { cas: page.version, signal })
        return
      } catch (error) {
        if (!(error instanceof CasMismatchError) || attempt === writeAttempts) {
          throw explainRefusal(error, `${this.#mount}/data/${this.path}`, 'update')
        }
      }
    }
  }

  async #read(signal: AbortSignal | undefined): Promise<Page> {
    try {
      const { data, version } = await this.#client.kv(this.#mount).read(this.path, { signal })
      return { objects: new Map(Object.entries(data.objects as Record<string, ObjectKind>)), version }
    } catch (error) {
      if (error instanceof SecretDeletedError) return { objects: new Map(), version: error.version }
      if (error instanceof NotFoundError) return { objects: new Map(), version: 0 }
      throw explainRefusal(error, `${this.#mount}/data/${this.path}`, 'read')
    }
  }
}
