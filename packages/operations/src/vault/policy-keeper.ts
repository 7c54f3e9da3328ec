/**
 * Policies, which bear the mark of who made them in their first line.
 * @module
 */
import type { VaultClient } from '@chaveiro/vault'
import { policyMarkOf } from '../derive/policy.js'
import type { DesiredObject, LiveObject } from '../plan/desired-object.js'
import type { Keeper, Sought } from '../plan/keeper.js'
import { explainRefusal, readDocument } from './read-document.js'

export class PolicyKeeper implements Keeper {
  readonly kinds = ['policy'] as const
  readonly #client: VaultClient
  readonly #mark: string

  constructor(client: VaultClient, owner: string) {
    this.#client = client
    this.#mark = `${policyMarkOf(owner)} `
  }

  async read({ path }: Sought, signal?: AbortSignal): Promise<LiveObject | undefined> {
    const document = await readDocument(this.#client, path, 'policy', signal)
    if (!document) return undefined
    const policy = String(document.policy ?? '')
    return { fields: { policy }, owner: policy.startsWith(this.#mark) ? 'us' : 'other' }
  }

  async write({ path, fields }: DesiredObject, _live: unknown, _values: object, signal?: AbortSignal): Promise<void> {
    const body = { policy: fields.policy?.value }
    await this.#client.request({ method: 'POST', path, body, operation: 'policy', signal }).catch((error: unknown) => {
      throw explainRefusal(error, path, 'update')
    })
  }

  async remove({ path }: Sought, _live: LiveObject, signal?: AbortSignal): Promise<void> {
    await this.#client.request({ method: 'DELETE', path, operation: 'policy', signal }).catch((error: unknown) => {
      throw explainRefusal(error, path, 'delete')
    })
  }
}
