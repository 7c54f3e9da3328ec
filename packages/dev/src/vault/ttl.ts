/**
 * How long something may live: what is asked for, within what is allowed.
 * @module
 */
import { formatSeconds } from './duration.js'
import { badRequest } from './refusal.js'

/** Lives of a mount, in seconds. */
export interface MountTtls {
  readonly defaultSeconds: number
  readonly maxSeconds: number
}

/** Vault's own: 32 days. */
export const systemTtls: MountTtls = { defaultSeconds: 2_764_800, maxSeconds: 2_764_800 }

export interface TtlRequest {
  readonly askedSeconds?: number | undefined
  /** Of the role or the engine; 0: none. */
  readonly ttlSeconds?: number | undefined
  readonly maxTtlSeconds?: number | undefined
  readonly explicitMaxTtlSeconds?: number | undefined
  readonly periodSeconds?: number | undefined
  /** When the first TTL began. */
  readonly issuedMs: number
  readonly nowMs: number
  readonly mount: MountTtls
}

export interface GrantedTtl {
  readonly seconds: number
  readonly warnings: readonly string[]
}

/** @throws {Refusal} 400 when its time is over */
export function grantTtl(request: TtlRequest): GrantedTtl {
  const { mount, issuedMs, nowMs, periodSeconds = 0, explicitMaxTtlSeconds = 0 } = request
  const livedSeconds = (nowMs - issuedMs) / 1000
  if (periodSeconds > 0) {
    const period = Math.min(periodSeconds, mount.maxSeconds)
    return capped(period, explicitMaxTtlSeconds > 0 ? explicitMaxTtlSeconds - livedSeconds : Number.POSITIVE_INFINITY)
  }
  const wanted = request.askedSeconds || request.ttlSeconds || mount.defaultSeconds
  const limits = [mount.maxSeconds, request.maxTtlSeconds, explicitMaxTtlSeconds].filter((limit) => (limit ?? 0) > 0)
  const leftSeconds = Math.min(...(limits as number[])) - livedSeconds
  if (leftSeconds <= 0) throw badRequest('past the max TTL, cannot renew')
  return capped(wanted, leftSeconds)
}

function capped(wanted: number, leftSeconds: number): GrantedTtl {
  if (wanted <= leftSeconds) return { seconds: wanted, warnings: [] }
  const limit = formatSeconds(Math.floor(leftSeconds))
  const warning = `TTL of "${formatSeconds(wanted)}" exceeded the effective max_ttl of "${limit}"; TTL value is capped accordingly`
  return { seconds: leftSeconds, warnings: [warning] }
}
