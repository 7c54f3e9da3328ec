/**
 * The life of signing authorities: prepared, active, old. A key is published before it is used, and stays
 * published after its use, so that nobody meets a signature whose key he has not been told of.
 * @see SPIFFE_Federation.md, section 4.1; the times are SPIRE's
 * @module
 */

/** Something that signs, for a time. */
export interface Authority {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

const dayMs = 86_400_000

/** One kind of authority of a trust domain: its X.509 CAs, or its JWT keys. */
export class AuthorityLifecycle<A extends Authority> {
  readonly #make: () => Promise<A>
  #active: A
  #prepared: A | undefined
  #old: A[] = []

  private constructor(make: () => Promise<A>, first: A) {
    this.#make = make
    this.#active = first
  }

  static async start<A extends Authority>(make: () => Promise<A>): Promise<AuthorityLifecycle<A>> {
    return new AuthorityLifecycle(make, await make())
  }

  /** The one that signs now. */
  get active(): A {
    return this.#active
  }

  /** All that verifiers must know, oldest first. */
  get published(): readonly A[] {
    return [...this.#old, this.#active, ...(this.#prepared ? [this.#prepared] : [])]
  }

  /** Publishes the next one. Harmless when there is one. */
  async prepare(): Promise<void> {
    this.#prepared ??= await this.#make()
  }

  /** Signs with the prepared one from now on. */
  activate(): void {
    if (!this.#prepared) throw new Error('an authority is published before it is used: prepare() first')
    this.#old.push(this.#active)
    this.#active = this.#prepared
    this.#prepared = undefined
  }

  /** The next moment at which {@link tend} has something to do, in wall-clock milliseconds. */
  get nextDueMs(): number {
    const moments = [this.#prepared ? this.#activateAtMs : this.#prepareAtMs, ...this.#old.map(forgetAtMs)]
    return Math.min(...moments)
  }

  /**
   * Does what is due at `nowMs`.
   * @param published - told whenever verifiers must be, also between publishing a key and using it
   */
  async tend(nowMs: number, published: () => void): Promise<void> {
    const kept = this.#old.filter((authority) => nowMs < forgetAtMs(authority))
    const someForgotten = kept.length < this.#old.length
    this.#old = kept
    if (someForgotten) published()
    if (this.#prepared && nowMs >= this.#activateAtMs) this.activate()
    if (this.#prepared || nowMs < this.#prepareAtMs) return
    await this.prepare()
    published()
    // After a long sleep both are due.
    if (nowMs >= this.#activateAtMs) this.activate()
  }

  get #prepareAtMs(): number {
    return this.#active.notAfterMs - Math.min(lifeMs(this.#active) / 2, 30 * dayMs)
  }

  get #activateAtMs(): number {
    return this.#active.notAfterMs - Math.min(lifeMs(this.#active) / 6, 7 * dayMs)
  }
}

const lifeMs = ({ notBeforeMs, notAfterMs }: Authority): number => notAfterMs - notBeforeMs
const forgetAtMs = ({ notAfterMs }: Authority): number => notAfterMs + dayMs
