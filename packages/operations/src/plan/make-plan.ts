/**
 * A plan for real servers: what the manifest wants, what Vault and SPIRE hold, and the difference.
 * @module
 */
import { setMaxListeners } from 'node:events'
import type { VaultClient } from '@chaveiro/vault'
import { desiredEntries, entryIdPrefix } from '../derive/desired-entries.js'
import { desiredVault } from '../derive/desired-vault.js'
import { ownerOf } from '../derive/owner.js'
import { surroundingsOf } from '../derive/surroundings.js'
import type { Variables } from '../derive/variables.js'
import type { LocatedManifest } from '../manifest/read.js'
import { deletesForeignEntries } from '../spire/controller-manager.js'
import type { EntryApi } from '../spire/entry-api.js'
import { EntryKeeper } from '../spire/entry-keeper.js'
import { DocumentKeeper } from '../vault/document-keeper.js'
import { Ledger } from '../vault/ledger.js'
import { MountKeeper } from '../vault/mount-keeper.js'
import { PolicyKeeper } from '../vault/policy-keeper.js'
import { SecretKeeper } from '../vault/secret-keeper.js'
import { computePlan, groupsOf, type Plan, type PlanStep } from './compute-plan.js'
import { type DesiredObject, type PlanGroup, planGroups } from './desired-object.js'
import { PlanError } from './errors.js'
import type { Keeper, Sought } from './keeper.js'

export interface PlanOptions {
  readonly located: LocatedManifest
  /** With a token that may read what is concerned. Not needed for `entries` alone. */
  readonly vault?: VaultClient | undefined
  /** Needed for `entries`. */
  readonly spire?: EntryApi | undefined
  /** Default: all. */
  readonly groups?: readonly PlanGroup[]
  /** Where `CHAVEIRO_JWKS_URL`, `CHAVEIRO_SPIRE_PARENT` and the variables in addresses are looked up. */
  readonly env: Variables
  /** Takes over objects that are there and were not made by us. Default false. */
  readonly adopt?: boolean
  /** Deletes ours that are no longer declared. Default false. */
  readonly prune?: boolean
  /** Secrets to write anew: all, or those at these paths below the KV mount. Default: none. */
  readonly replace?: boolean | readonly string[]
  readonly signal?: AbortSignal | undefined
}

/** A plan and what it takes to carry it out. */
export interface PreparedPlan {
  readonly plan: Plan
  readonly steps: readonly PlanStep[]
  readonly located: LocatedManifest
  readonly vault: VaultClient | undefined
  readonly ledger: Ledger | undefined
  /** Paths in the ledger of what is no longer declared, and no longer there or no longer ours. */
  readonly stale: readonly string[]
  /** Entries made here would be deleted again: emit the manifests for Kubernetes instead. */
  readonly controllerManager: boolean
}

/**
 * Reads, compares, changes nothing.
 * @throws {PlanError}; {VaultError} and {SpireServerError} when a server cannot be asked
 */
export async function makePlan(given: PlanOptions): Promise<PreparedPlan> {
  const options = { ...given, signal: widely(given.signal) }
  const { located, vault, env, groups = planGroups, adopt = false, prune = false, signal } = options
  const { manifest } = located
  const surroundings = await surroundingsOf(located, env, groups)
  const { keepers, ledger, entries } = await openKeepers(options, groups)
  const controllerManager = deletesForeignEntries((await entries?.list(signal)) ?? [])
  const asked = controllerManager ? groups.filter((group) => group !== 'entries') : groups
  const objects = [...desiredVault(manifest, surroundings), ...desiredEntries(manifest, surroundings)].filter(
    (object) => object.groups.some((group) => asked.includes(group)),
  )
  const undeclared = await findUndeclared(objects, asked, ledger, entries)
  const { wanted, removable } = await computePlan(withUsernames(objects, env), undeclared, keepers, {
    lineOf: located.lineOf,
    adopt,
    replace: (object) => isReplaced(object, options),
    signal,
  })
  const steps = prune ? [...wanted, ...removable] : wanted
  const notes = [
    ...keyNotes(located),
    ...(prune || removable.length === 0 ? [] : [undeclaredNote(removable)]),
    ...(controllerManager ? [controllerNote] : []),
  ]
  const compared = objects.length
  const unchanged = compared - wanted.length
  const stale = undeclared.filter(({ path }) => !removable.some(({ sought }) => sought.path === path))
  const changes = steps.map(({ change }) => change)
  return {
    plan: { schemaVersion: 1, manifest: located.file, groups, compared, unchanged, changes, notes },
    steps,
    located,
    vault,
    ledger,
    stale: stale.map(({ path }) => path),
    controllerManager,
  }
}

/** The same signal for as many listeners as there are reads at once, without Node's warning of a leak. */
function widely(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (!signal) return undefined
  const wide = AbortSignal.any([signal])
  setMaxListeners(0, wide)
  return wide
}

interface Keepers {
  readonly keepers: readonly Keeper[]
  readonly ledger: Ledger | undefined
  readonly entries: EntryKeeper | undefined
}

async function openKeepers(options: PlanOptions, groups: readonly PlanGroup[]): Promise<Keepers> {
  const { located, vault, spire, signal } = options
  const { manifest } = located
  const entries = spire && groups.includes('entries') ? new EntryKeeper(spire, entryIdPrefix(manifest)) : undefined
  if (groups.includes('entries') && !entries) {
    throw new PlanError('ERR_PLAN_INPUT_MISSING', 'no address of the API of SPIRE server', {
      cure: 'Set SPIRE_SERVER_SOCKET to its socket, or leave entries out with --only.',
    })
  }
  const needsVault = groups.some((group) => group !== 'entries')
  if (!vault || !needsVault) return { keepers: entries ? [entries] : [], ledger: undefined, entries }
  const { mounts } = manifest.vault
  const ledger = new Ledger(vault, mounts.kv, ownerOf(manifest))
  await ledger.load(signal)
  const keepers = [
    new MountKeeper(vault),
    new PolicyKeeper(vault, ownerOf(manifest)),
    new DocumentKeeper(vault, ledger),
    new SecretKeeper(vault, mounts.kv, (path) => isReplaced({ kind: 'secret', path }, options)),
  ]
  return { keepers: entries ? [...keepers, entries] : keepers, ledger, entries }
}

async function findUndeclared(
  objects: readonly DesiredObject[],
  groups: readonly PlanGroup[],
  ledger: Ledger | undefined,
  entries: EntryKeeper | undefined,
): Promise<Sought[]> {
  const declared = new Set(objects.map(({ path }) => path))
  const inLedger = [...(ledger?.objects ?? [])].map(([path, kind]) => ({ path, kind }))
  const inSpire = ((await entries?.ours()) ?? []).map(({ id }) => ({ path: id, kind: 'entry' as const }))
  return [...inLedger, ...inSpire].filter(({ path, kind }) => {
    const group = groupsOf[kind]
    return group !== undefined && groups.includes(group) && !declared.has(path)
  })
}

/** The user name that Vault connects with can be compared where it is at hand; the password is never given back. */
function withUsernames(objects: readonly DesiredObject[], env: Variables): DesiredObject[] {
  return objects.map((object) => {
    const origin = object.kind === 'database connection' ? object.values?.username : undefined
    const value = origin && 'env' in origin ? env[origin.env] : undefined
    return value ? { ...object, fields: { ...object.fields, username: { type: 'hidden', value } } } : object
  })
}

function isReplaced({ kind, path }: Pick<DesiredObject, 'kind' | 'path'>, { replace, located }: PlanOptions): boolean {
  if (kind !== 'secret' || !replace) return false
  return replace === true || replace.includes(path.slice(`${located.manifest.vault.mounts.kv}/data/`.length))
}

function keyNotes({ manifest }: LocatedManifest): string[] {
  if (!manifest.vault.jwtKeys) return []
  return [
    'vault.jwtKeys go stale when SPIRE changes its JWT keys, and all logins fail then; vault.jwksUrl follows them',
  ]
}

function undeclaredNote(removable: readonly PlanStep[]): string {
  const names = removable.map(({ change }) => change.path).join(', ')
  return `${removable.length} made by us and no longer declared: ${names}; --prune deletes them`
}

const controllerNote =
  "SPIRE's controller manager runs here and deletes entries that it did not make, within seconds: entries are not " +
  'written; give it the output of: chaveiro apply --emit kubernetes'
