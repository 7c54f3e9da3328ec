/**
 * Unseals Vault servers with key shares that people give: once, on one order. A share is sent and forgotten.
 * Nothing here runs by itself: a seal that was meant must not be undone by a loop.
 * @module
 */
import type { Secret } from '@chaveiro/rotation'
import { InvalidRequestError, type SealStatus, type VaultClient } from '@chaveiro/vault'
import { type NodeSeal, readSeal, type SealState } from './seal.js'

export interface ShareRequest {
  /** Which share of how many this is, for the prompt. */
  readonly number: number
  readonly needed: number
}

export interface UnsealOptions {
  /** One client for each node; none needs a token. Whoever opened them closes them. */
  readonly nodes: readonly VaultClient[]
  /** @returns undefined when no more shares come */
  readonly nextShare: (request: ShareRequest) => Promise<Secret | undefined>
  /** Has the nodes forget the shares that others gave before. Default false. */
  readonly reset?: boolean
  readonly signal?: AbortSignal | undefined
  /** Told what became of each share. */
  readonly onNote?: (note: string) => void
}

/** What became of one node. */
export interface UnsealOutcome {
  readonly address: string
  /** `done`: by this order; `already`: it was not sealed. */
  readonly outcome: 'done' | 'already' | 'wrong_share' | 'shares_missing' | Exclude<SealState, 'sealed' | 'unsealed'>
  readonly explanation: string
  readonly cure: string
}

/** The first look, which changes nothing. */
export function readSeals(nodes: readonly VaultClient[], signal?: AbortSignal): Promise<NodeSeal[]> {
  return Promise.all(nodes.map((node) => readSeal(node, signal)))
}

/** @throws {VaultError} when a server fails in between; the signal's reason */
export async function unseal(options: UnsealOptions): Promise<UnsealOutcome[]> {
  const { nodes, reset = false, signal, onNote } = options
  if (reset) await resetSealed(nodes, signal)
  const seals = await readSeals(nodes, signal)
  for (const { address, state, progress, threshold } of seals) {
    if (state !== 'sealed' || progress === 0) continue
    onNote?.(`${address} holds ${progress} of ${threshold} shares that were given before; --reset forgets them`)
  }
  const open = nodes.flatMap((client, index) => {
    const seal = seals[index]
    return seal?.state === 'sealed' ? [new SealedNode(client, seal)] : []
  })
  const wrong = await giveShares(open, options)
  return seals.map((seal) =>
    outcomeOf(
      seal,
      open.find(({ address }) => address === seal.address),
      wrong,
    ),
  )
}

async function resetSealed(nodes: readonly VaultClient[], signal: AbortSignal | undefined): Promise<void> {
  for (const node of nodes) {
    if ((await readSeal(node, signal)).state === 'sealed') await node.sys.resetUnseal({ signal })
  }
}

class SealedNode {
  readonly address: string
  needed: number
  sealed = true
  readonly #client: VaultClient
  readonly #threshold: number
  #progress: number

  constructor(client: VaultClient, { address, threshold, progress }: NodeSeal) {
    this.address = address
    this.#client = client
    this.#threshold = threshold
    this.#progress = progress
    this.needed = threshold - progress
  }

  /**
   * Why a share was refused. Vault judges shares together, when the last one comes, and forgets them all when they do
   * not fit; one that it cannot even read changes nothing.
   */
  async refusal(signal: AbortSignal | undefined): Promise<'wrong' | 'unreadable'> {
    const wasLast = this.#progress === this.#threshold - 1
    const { progress } = await this.#client.sys.sealStatus({ signal })
    return wasLast && progress === 0 ? 'wrong' : 'unreadable'
  }

  /** @returns false for a share that this node has already @throws {InvalidRequestError} for one that it refuses */
  async give(share: Secret, signal: AbortSignal | undefined): Promise<boolean> {
    const status: SealStatus = await this.#client.sys.unseal(share, { signal })
    const counted = !status.sealed || status.progress > this.#progress
    this.sealed = status.sealed
    this.#progress = status.progress
    this.needed = status.sealed ? this.#threshold - status.progress : 0
    return counted
  }
}

/** @returns nodes that refused the shares as a whole */
async function giveShares(
  nodes: readonly SealedNode[],
  { nextShare, signal, onNote }: UnsealOptions,
): Promise<ReadonlySet<SealedNode>> {
  const wrong = new Set<SealedNode>()
  const given: Secret[] = []
  const needed = Math.max(0, ...nodes.map((node) => node.needed))
  for (;;) {
    signal?.throwIfAborted()
    const waiting = nodes.filter((node) => node.sealed && !wrong.has(node))
    if (waiting.length === 0) return wrong
    const share = await nextShare({ number: Math.min(given.length + 1, needed), needed })
    if (!share) return wrong
    if (given.some((earlier) => earlier.expose() === share.expose())) {
      onNote?.('this share was given already: each must be another one')
      continue
    }
    let readable = false
    for (const node of waiting) readable = (await giveOne(node, share, wrong, { signal, onNote })) || readable
    if (readable) given.push(share)
  }
}

/** @returns whether the node could read the share */
async function giveOne(
  node: SealedNode,
  share: Secret,
  wrong: Set<SealedNode>,
  { signal, onNote }: Pick<UnsealOptions, 'signal' | 'onNote'>,
): Promise<boolean> {
  try {
    const counted = await node.give(share, signal)
    if (!counted) onNote?.(`${node.address} has this share already, from before: give another one`)
    else if (!node.sealed) onNote?.(`${node.address} is unsealed`)
    else onNote?.(`${node.address} took the share; it needs ${node.needed} more`)
    return true
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error
    // The words of the server are not repeated: they could hold what it was given.
    const refusal = await node.refusal(signal)
    if (refusal === 'wrong') wrong.add(node)
    onNote?.(
      refusal === 'wrong'
        ? `${node.address} refused the shares: at least one is wrong, and it cannot tell which`
        : `${node.address} cannot read this as a key share: look for a missing or an added character`,
    )
    return refusal === 'wrong'
  }
}

function outcomeOf(seal: NodeSeal, node: SealedNode | undefined, wrong: ReadonlySet<SealedNode>): UnsealOutcome {
  const { address, state, explanation, cure } = seal
  if (state === 'unsealed') return { address, outcome: 'already', explanation: 'it was not sealed', cure: '' }
  if (state !== 'sealed' || !node)
    return { address, outcome: state as Exclude<SealState, 'sealed' | 'unsealed'>, explanation, cure }
  if (!node.sealed) return { address, outcome: 'done', explanation: 'unsealed', cure: '' }
  if (wrong.has(node)) {
    return {
      address,
      outcome: 'wrong_share',
      explanation: 'at least one of the shares is wrong; Vault cannot tell which, and has forgotten them all',
      cure: 'Begin again with other shares: swap one holder at a time, to find whose share is wrong.',
    }
  }
  return {
    address,
    outcome: 'shares_missing',
    explanation: `it needs ${node.needed} more shares`,
    cure: 'Run it again with the missing shares: those given are kept until then.',
  }
}
