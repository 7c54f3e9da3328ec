/**
 * Objects that are one JSON document at one path: database connections and roles, the JWT method's config and roles.
 * @module
 */
import type { Secret } from '@chaveiro/rotation'
import type { VaultClient } from '@chaveiro/vault'
import type { DesiredObject, LiveObject } from '../plan/desired-object.js'
import { sameMeaning } from '../plan/field.js'
import type { Keeper, Sought } from '../plan/keeper.js'
import type { Ledger } from './ledger.js'
import { type Document, explainRefusal, readDocument } from './read-document.js'

export class DocumentKeeper implements Keeper {
  readonly kinds = ['database connection', 'database role', 'jwt config', 'jwt role'] as const
  readonly #client: VaultClient
  readonly #ledger: Ledger

  /** @param ledger - loaded */
  constructor(client: VaultClient, ledger: Ledger) {
    this.#client = client
    this.#ledger = ledger
  }

  async read({ kind, path }: Sought, signal?: AbortSignal): Promise<LiveObject | undefined> {
    const document = await readDocument(this.#client, path, kind, signal)
    if (!document) return undefined
    const fields = kind === 'database connection' ? connectionFields(document) : document
    // A method that was enabled but never configured answers with empty fields.
    if (kind === 'jwt config' && Object.values(fields).every(isEmpty)) return undefined
    return { fields, owner: this.#ledger.has(path) ? 'us' : 'other' }
  }

  async write(
    object: DesiredObject,
    live: LiveObject | undefined,
    values: Readonly<Record<string, Secret>>,
    signal?: AbortSignal,
  ): Promise<void> {
    const { kind, path, fields } = object
    const plain = Object.entries(fields).filter(
      ([name, field]) =>
        field.type !== 'hidden' && (kind !== 'database connection' || !live || !sameMeaning(field, live.fields[name])),
    )
    const body = {
      ...Object.fromEntries(plain.map(([name, { value }]) => [name, value])),
      ...Object.fromEntries(Object.entries(values).map(([name, secret]) => [name, secret.expose()])),
    }
    if (Object.keys(body).length === 0) return
    await this.#client.request({ method: 'POST', path, body, operation: kind, signal }).catch((error: unknown) => {
      throw explainRefusal(error, path, live ? 'update' : 'create')
    })
  }

  async remove({ kind, path }: Sought, _live: LiveObject, signal?: AbortSignal): Promise<void> {
    await this.#client.request({ method: 'DELETE', path, operation: kind, signal }).catch((error: unknown) => {
      throw explainRefusal(error, path, 'delete')
    })
  }
}

/** Vault answers with some of what it was given in a document within; a connection's password is not among it. */
function connectionFields({ connection_details, ...rest }: Document): Document {
  const details = (connection_details ?? {}) as Document
  // What Vault takes when nothing is said: PostgreSQL stores a hash either way.
  return { password_authentication: 'password', ...details, ...rest }
}

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === '' ||
  value === 0 ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0)
