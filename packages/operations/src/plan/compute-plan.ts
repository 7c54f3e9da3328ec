/**
 * The difference between what is wanted and what is there.
 * @module
 */
import { mapConcurrently } from './concurrent.js'
import { type DesiredObject, type LiveObject, type ObjectKind, type PlanGroup, planGroups } from './desired-object.js'
import { meaning } from './field.js'
import type { Keeper, Sought } from './keeper.js'
import { type CompareOptions, compareObject, type PlannedChange, planSymbols } from './planned-change.js'

/** Plain data, printed as it is by `--output json`. A minor version adds fields, never changes their meaning. */
export interface Plan {
  readonly schemaVersion: 1
  readonly manifest: string
  readonly groups: readonly PlanGroup[]
  /** Objects that the manifest asks for within these groups. */
  readonly compared: number
  readonly unchanged: number
  readonly changes: readonly PlannedChange[]
  /** What a reader should know although nothing is done about it. */
  readonly notes: readonly string[]
}

/** A line of the plan and what it takes to carry it out. */
export interface PlanStep {
  readonly change: PlannedChange
  readonly keeper: Keeper
  readonly sought: Sought
  /** Absent for what is deleted. */
  readonly object?: DesiredObject
  /** As the plan found it. */
  readonly live: LiveObject | undefined
  readonly compare: CompareOptions
}

export interface ComputedPlan {
  /** What the manifest asks for and is not so. */
  readonly wanted: readonly PlanStep[]
  /** Ours, there, and asked for by nobody. */
  readonly removable: readonly PlanStep[]
}

const readsAtOnce = 16

/** Whose line of the manifest, and which of the secrets are to be replaced. */
export interface ComputeOptions {
  readonly lineOf: (path: readonly (string | number)[]) => number
  readonly adopt?: boolean
  readonly replace?: (object: DesiredObject) => boolean
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads each object and compares it.
 * @param undeclared - what we once made and the manifest no longer asks for
 * @throws what a keeper throws that cannot read
 */
export async function computePlan(
  objects: readonly DesiredObject[],
  undeclared: readonly Sought[],
  keepers: readonly Keeper[],
  { lineOf, adopt = false, replace = () => false, signal }: ComputeOptions,
): Promise<ComputedPlan> {
  const keeperOf = (kind: ObjectKind): Keeper => {
    const keeper = keepers.find(({ kinds }) => kinds.includes(kind))
    if (!keeper) throw new TypeError(`nobody keeps objects of the kind ${kind}`)
    return keeper
  }
  const wanted = await mapConcurrently(objects, readsAtOnce, async (object): Promise<PlanStep[]> => {
    const keeper = keeperOf(object.kind)
    const live = await keeper.read(object, signal)
    const compare = { adopt, replace: replace(object) }
    const change = compareObject(object, live, compare)
    if (!change) return []
    return [{ change: { ...change, line: lineOf(object.manifestPath) }, keeper, sought: object, object, live, compare }]
  })
  const removable = await mapConcurrently(undeclared, readsAtOnce, async (sought): Promise<PlanStep[]> => {
    const keeper = keeperOf(sought.kind)
    const live = await keeper.read(sought, signal)
    if (live?.owner !== 'us') return []
    return [{ change: deletion(sought), keeper, sought, live, compare: { adopt, replace: false } }]
  })
  return { wanted: wanted.flat(), removable: removable.flat() }
}

function deletion({ kind, path }: Sought): PlannedChange {
  return {
    symbol: planSymbols.delete,
    action: 'delete',
    kind,
    groups: planGroups.filter((group) => groupsOf[kind] === group),
    path,
    fields: [],
    effect: kind === 'policy' ? 'at once, for tokens that live too' : 'nothing new is given out; what lives is kept',
    danger: 'it is deleted',
  }
}

/** To which group an object belongs that no manifest declares. */
export const groupsOf: Readonly<Record<ObjectKind, PlanGroup | undefined>> = {
  'secrets engine': undefined,
  'auth method': undefined,
  'database connection': 'database',
  'database role': 'database',
  policy: 'policies',
  'jwt config': undefined,
  'jwt role': 'policies',
  secret: undefined,
  entry: 'entries',
}

/** Whether an object is, in every field that concerns us, as it was. */
export function sameLive(
  { fields = {} }: Sought,
  left: LiveObject | undefined,
  right: LiveObject | undefined,
): boolean {
  if (!left || !right) return left === right
  const values = ({ fields: live, revision }: LiveObject): string =>
    JSON.stringify([revision, ...Object.entries(fields).map(([name, { type }]) => meaning(type, live[name]))])
  return values(left) === values(right)
}
