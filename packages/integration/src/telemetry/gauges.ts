/**
 * The gauges: read from what is held at the moment of a scrape, so that a life counts down between renewals too.
 * @module
 */
import type { RotationSnapshot } from '@chaveiro/rotation'
import { type Dependency, runwaySeconds, shortestLife } from './life.js'
import type { GaugeName, Meters, Sample } from './meters.js'
import { dependencies, vaultStates } from './metrics.js'

/** What the gauges are read from. */
export interface Holdings {
  /** Every credential that is kept fresh, SVIDs among them; closed ones left out. */
  credentials(): readonly RotationSnapshot[]
  /** State of Vault as last seen; undefined before the first answer. */
  vaultState(): string | undefined
  /** When a trust bundle last changed, in milliseconds since the Unix epoch. */
  lastBundleUpdateMs(): number | undefined
  /** Switched off, and replaced by static credentials. */
  readonly staticFor: { readonly vault: boolean; readonly spire: boolean }
}

type Snapshots = readonly RotationSnapshot[]

/** From now on `meters` reads all gauges from `holdings`. */
export function readGauges(meters: Meters, holdings: Holdings): void {
  readLives(meters, () => holdings.credentials())
  meters.read('chaveiro_rotation_overdue', () =>
    byType(holdings.credentials(), (group) => group.filter(({ overdue }) => overdue).length),
  )
  meters.read('chaveiro_rotation_last_success_timestamp_seconds', () => byType(holdings.credentials(), oldestSuccess))
  meters.read('chaveiro_vault_up', () => {
    const seen = holdings.vaultState()
    return seen === undefined ? [] : vaultStates.map((state) => ({ labels: { state }, value: state === seen ? 1 : 0 }))
  })
  meters.read('chaveiro_runway_seconds', () => {
    const credentials = holdings.credentials()
    return dependencies.flatMap((dependency: Dependency) =>
      sample<'chaveiro_runway_seconds'>({ dependency }, runwaySeconds(dependency, credentials)),
    )
  })
  meters.read('chaveiro_static_credentials_in_use', () =>
    (['vault', 'spire'] as const).map((dependency) => ({
      labels: { dependency },
      value: holdings.staticFor[dependency] ? 1 : 0,
    })),
  )
  meters.read('spiffe_trust_bundle_last_update_timestamp_seconds', () => {
    const updatedMs = holdings.lastBundleUpdateMs()
    return sample({}, updatedMs === undefined ? undefined : updatedMs / 1000)
  })
}

function readLives(meters: Meters, credentials: () => Snapshots): void {
  const tokens = (): Snapshots => credentials().filter(({ credentialType }) => credentialType === 'token')
  meters.read('vault_token_ttl_seconds', () => sample({}, shortestLife(tokens())?.remainingSeconds))
  meters.read('vault_token_lifetime_seconds', () => sample({}, shortestLife(tokens())?.lifetimeSeconds))

  const leased = (): Snapshots => credentials().filter(({ credentialType }) => isLeased(credentialType))
  meters.read('vault_credential_ttl_seconds', () => byType(leased(), (group) => shortestLife(group)?.remainingSeconds))
  meters.read('vault_credential_lifetime_seconds', () =>
    byType(leased(), (group) => shortestLife(group)?.lifetimeSeconds),
  )

  const svids = (svidType: 'x509' | 'jwt'): Snapshots =>
    credentials().filter(({ credentialType }) => credentialType === `${svidType}_svid`)
  meters.read('spiffe_svid_ttl_seconds', () => [
    ...sample<'spiffe_svid_ttl_seconds'>({ svid_type: 'x509' }, shortestLife(svids('x509'))?.remainingSeconds),
    ...sample<'spiffe_svid_ttl_seconds'>({ svid_type: 'jwt' }, shortestLife(svids('jwt'))?.remainingSeconds),
  ])
  meters.read('spiffe_svid_lifetime_seconds', () => [
    ...sample<'spiffe_svid_lifetime_seconds'>({ svid_type: 'x509' }, shortestLife(svids('x509'))?.lifetimeSeconds),
    ...sample<'spiffe_svid_lifetime_seconds'>({ svid_type: 'jwt' }, shortestLife(svids('jwt'))?.lifetimeSeconds),
  ])
}

/** Leased from Vault, and not the token itself. */
export function isLeased(credentialType: string): boolean {
  return credentialType !== 'token' && !credentialType.endsWith('_svid')
}

function oldestSuccess(group: Snapshots): number | undefined {
  const times = group.map(({ lastSuccessWallMs }) => lastSuccessWallMs).filter((time) => time !== undefined)
  return times.length === 0 ? undefined : Math.min(...times) / 1000
}

/** No sample where there is no value: a credential that is not held has no life of zero seconds. */
function sample<Name extends GaugeName>(labels: Sample<Name>['labels'], value: number | undefined): Sample<Name>[] {
  return value === undefined ? [] : [{ labels, value }]
}

function byType(
  snapshots: Snapshots,
  measure: (group: Snapshots) => number | undefined,
): { labels: { credential_type: string }; value: number }[] {
  return [...new Set(snapshots.map(({ credentialType }) => credentialType))].flatMap((credentialType) => {
    const value = measure(snapshots.filter((snapshot) => snapshot.credentialType === credentialType))
    return value === undefined ? [] : [{ labels: { credential_type: credentialType }, value }]
  })
}
