/**
 * Why a workload may or may not: the chain of what must hold, link by link.
 * @module
 */

export type LinkName = 'workload' | 'entry' | 'svid' | 'role' | 'policy' | 'capability'

/** `unknown`: it could not be looked at from here, and what follows may hold all the same. */
export type LinkStatus = 'holds' | 'broken' | 'unknown'

export interface ChainLink {
  readonly link: LinkName
  readonly status: LinkStatus
  /** What was found. Never a secret. */
  readonly found: string
  /** Where it is written: a line of the manifest or of a policy. */
  readonly where: string | null
  /** What mends it; empty where it holds. */
  readonly cure: string
}

export interface Explanation {
  readonly workload: string
  /** As Vault's API names it: with `data/`, where the KV engine has it. */
  readonly path: string
  readonly capability: string
  readonly allowed: boolean
  /** Up to the first broken one. */
  readonly chain: readonly ChainLink[]
}

export const holds = (link: LinkName, found: string, where: string | null = null): ChainLink => ({
  link,
  status: 'holds',
  found,
  where,
  cure: '',
})

export const broken = (link: LinkName, found: string, cure: string, where: string | null = null): ChainLink => ({
  link,
  status: 'broken',
  found,
  where,
  cure,
})

export const notSeen = (link: LinkName, found: string, cure: string): ChainLink => ({
  link,
  status: 'unknown',
  found,
  where: null,
  cure,
})
