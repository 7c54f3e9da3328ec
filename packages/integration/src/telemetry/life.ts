/**
 * How long credentials still live, in figures that can be compared: what never ends is infinite.
 * @module
 */
import type { RotationSnapshot } from '@chaveiro/rotation'

/** Seconds; infinite for what never ends. */
export interface Life {
  readonly remainingSeconds: number
  readonly lifetimeSeconds: number
}

/** @returns undefined when nothing was granted yet */
export function lifeOf({ ttlSeconds, remainingSeconds }: RotationSnapshot): Life | undefined {
  if (ttlSeconds === undefined) return undefined
  if (ttlSeconds === 0) return { remainingSeconds: Number.POSITIVE_INFINITY, lifetimeSeconds: Number.POSITIVE_INFINITY }
  return { remainingSeconds: remainingSeconds ?? 0, lifetimeSeconds: ttlSeconds }
}

/** The life that ends first; both figures are of one credential, so that their ratio means something. */
export function shortestLife(snapshots: readonly RotationSnapshot[]): Life | undefined {
  const lives = snapshots.map(lifeOf).filter((life) => life !== undefined)
  return lives.reduce<Life | undefined>(
    (shortest, life) => (shortest === undefined || life.remainingSeconds < shortest.remainingSeconds ? life : shortest),
    undefined,
  )
}

export type Dependency = 'vault' | 'spire' | 'database'

/**
 * What can no longer be had without a dependency. A leased database user is made by Vault, in the database; an SVID
 * comes from SPIRE alone, and a token that lives can do without it.
 */
const madeBy: Readonly<Record<Dependency, readonly string[]>> = {
  vault: ['token', 'database', 'pki', 'kv'],
  spire: ['x509_svid', 'jwt_svid'],
  database: ['database'],
}

/**
 * How long everything that a dependency gives is still held if it vanished now.
 * @returns seconds, 0 when something is not held at all; undefined when the service needs nothing of it
 */
export function runwaySeconds(dependency: Dependency, snapshots: readonly RotationSnapshot[]): number | undefined {
  const needed = snapshots.filter(({ credentialType }) => madeBy[dependency].includes(credentialType))
  if (needed.length === 0) return undefined
  return Math.min(...needed.map((snapshot) => lifeOf(snapshot)?.remainingSeconds ?? 0))
}
