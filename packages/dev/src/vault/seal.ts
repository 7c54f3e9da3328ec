/**
 * Initialised or not, sealed or not. Shares are compared as a set, not combined: there is nothing encrypted here.
 * @see https://developer.hashicorp.com/vault/api-docs/system/unseal
 * @module
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { flagField, numberField, textField } from './fields.js'
import { badRequest } from './refusal.js'
import type { Reply } from './reply.js'

/** What this server calls itself: the version whose behaviour it follows. */
export const embeddedVersion = '1.21.1+embedded'

const shareBytes = 33
const shortestShareBytes = 16

export class Seal {
  /** Base64. */
  shares: readonly string[] = []
  sealed = true
  readonly clusterId = randomUUID()
  readonly #changed: (sealed: boolean) => void
  readonly #given = new Set<string>()
  #threshold = 0
  #nonce = ''

  /** @param changed - told after each seal and unseal */
  constructor(changed: (sealed: boolean) => void) {
    this.#changed = changed
  }

  get initialized(): boolean {
    return this.shares.length > 0
  }

  /** @throws {Refusal} 400 */
  initialize(shares: number, threshold: number): void {
    if (this.initialized) throw badRequest('Vault is already initialized')
    const invalid = (what: string): Error => badRequest(`invalid seal configuration: ${what}`)
    if (shares < 1) throw invalid('shares must be at least one')
    if (threshold < 1) throw invalid('threshold must be at least one')
    if (threshold > shares) throw invalid('threshold cannot be larger than shares')
    if (shares > 1 && threshold === 1) throw invalid('threshold must be greater than one for multiple shares')
    this.shares = Array.from({ length: shares }, () => randomBytes(shareBytes).toString('base64'))
    this.#threshold = threshold
  }

  seal(): void {
    if (this.sealed) return
    this.sealed = true
    this.#changed(true)
  }

  open(): void {
    this.sealed = false
    this.#changed(false)
  }

  status(): Readonly<Record<string, unknown>> {
    return {
      type: 'shamir',
      initialized: this.initialized,
      sealed: this.sealed,
      t: this.#threshold,
      n: this.shares.length,
      progress: this.#given.size,
      nonce: this.#nonce,
      version: embeddedVersion,
      build_date: '',
      migration: false,
      ...(!this.sealed && { cluster_name: 'embedded', cluster_id: this.clusterId }),
      recovery_seal: false,
      storage_type: 'inmem',
    }
  }

  /** Shares are judged together, at the threshold. @throws {Refusal} 400 */
  unseal(body: Readonly<Record<string, unknown>>): Reply {
    const key = textField(body, 'key')
    const reset = flagField(body, 'reset') ?? false
    if (!key && !reset) throw badRequest("'key' must be specified in request body as JSON, or 'reset' set to true")
    if (reset) {
      if (!this.sealed) throw badRequest('vault is unsealed')
      this.#forgetShares()
      return { bare: this.status() }
    }
    const share = decodeShare(key as string)
    if (!this.initialized) throw badRequest('Vault is not initialized')
    if (this.sealed) this.#give(share)
    return { bare: this.status() }
  }

  #give(share: Buffer): void {
    if (share.length < shortestShareBytes) {
      throw badRequest(`invalid key: key is shorter than minimum ${shortestShareBytes} bytes`)
    }
    this.#nonce ||= randomUUID()
    this.#given.add(share.toString('base64'))
    if (this.#given.size < this.#threshold) return
    const right = [...this.#given].every((given) => this.shares.includes(given))
    this.#forgetShares()
    if (!right) {
      throw badRequest(
        'unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: error decrypting seal ' +
          'wrapped value\nerror decrypting using seal shamir: cipher: message authentication failed',
      )
    }
    this.open()
  }

  #forgetShares(): void {
    this.#given.clear()
    this.#nonce = ''
  }
}

function decodeShare(key: string): Buffer {
  if (/^([0-9a-f]{2})+$/i.test(key)) return Buffer.from(key, 'hex')
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(key) && key.length % 4 === 0) return Buffer.from(key, 'base64')
  throw badRequest("'key' must be a valid hex or base64 string")
}

/** How many shares an initialisation asks for. */
export function sharesAsked(body: Readonly<Record<string, unknown>>): { shares: number; threshold: number } {
  return { shares: numberField(body, 'secret_shares') ?? 0, threshold: numberField(body, 'secret_threshold') ?? 0 }
}
