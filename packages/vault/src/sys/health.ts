/**
 * `sys/health`: what a node says about itself. Its status codes mean something else than everywhere else.
 * @see https://developer.hashicorp.com/vault/api-docs/system/health
 * @module
 */
import type { VaultState } from '../channels.js'

/** The kinds of node that the status code tells apart. */
export type NodeRole =
  | 'active'
  | 'standby'
  | 'dr_secondary'
  | 'performance_standby'
  | 'cut_off_standby'
  | 'uninitialized'
  | 'sealed'
  | 'removed'

export interface Health {
  readonly role: NodeRole
  readonly state: VaultState
  readonly initialized: boolean
  readonly sealed: boolean
  readonly standby: boolean
  readonly version: string
  /** The server's wall clock, in milliseconds since the epoch, at a resolution of one second. */
  readonly serverTimeMs: number | undefined
  readonly clusterName: string | undefined
  readonly clusterId: string | undefined
}

const roles: Readonly<Record<number, readonly [NodeRole, VaultState]>> = {
  200: ['active', 'active'],
  429: ['standby', 'standby'],
  472: ['dr_secondary', 'standby'],
  473: ['performance_standby', 'standby'],
  474: ['cut_off_standby', 'standby'],
  501: ['uninitialized', 'uninitialized'],
  503: ['sealed', 'sealed'],
  530: ['removed', 'standby'],
}

/** Statuses that are answers of a health check. */
export const healthCodes: readonly number[] = Object.keys(roles).map(Number)

export function readHealth(status: number, body: Readonly<Record<string, unknown>>): Health {
  // A code that is none of Vault's comes from a proxy; what the body says still holds.
  const [role, state] = roles[status] ?? (body.sealed === true ? ['sealed', 'sealed'] : ['active', 'active'])
  const seconds = body.server_time_utc
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  return {
    role,
    state,
    initialized: body.initialized === true,
    sealed: body.sealed === true,
    standby: body.standby === true,
    version: text(body.version) ?? 'unknown',
    serverTimeMs: typeof seconds === 'number' ? seconds * 1000 : undefined,
    clusterName: text(body.cluster_name),
    clusterId: text(body.cluster_id),
  }
}
