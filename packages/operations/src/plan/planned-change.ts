/**
 * One line of a plan: what differs, which line of the manifest asks for it, and what comes of it.
 * @module
 */
import type { DesiredObject, LiveObject, ObjectKind, PlanGroup } from './desired-object.js'
import { describeChange, describeNew, type Field, meaning, sameMeaning } from './field.js'
import type { FieldChange } from './field-change.js'
import { policyWidens } from './policy-tree.js'

/**
 * `adopt`: it is as wanted, or nearly, but was not made by us; from now on it is ours. `clash`: the same, and nobody
 * has said `--adopt`.
 */
export type PlanAction = 'create' | 'change' | 'delete' | 'adopt' | 'clash'

/** `+` create, `~` change, `-` delete, `=` adopt, `!` clash. */
export type PlanSymbol = '+' | '~' | '-' | '=' | '!'

/** Plain data, without a secret. */
export interface PlannedChange {
  readonly symbol: PlanSymbol
  readonly action: PlanAction
  readonly kind: ObjectKind
  readonly groups: readonly PlanGroup[]
  readonly path: string
  readonly fields: readonly FieldChange[]
  /** Line of the manifest; absent when nothing in it asks for the object any more. */
  readonly line?: number
  /** What comes of it, and when it bites. */
  readonly effect: string
  /** Why a second look is due. */
  readonly danger?: string
}

export const planSymbols: Readonly<Record<PlanAction, PlanSymbol>> = {
  create: '+',
  change: '~',
  delete: '-',
  adopt: '=',
  clash: '!',
}

export interface CompareOptions {
  /** Take over what is there and was not made by us. */
  readonly adopt: boolean
  /** Secrets to be written anew although they are there. */
  readonly replace: boolean
}

/** @returns undefined when nothing is to be done */
export function compareObject(
  object: DesiredObject,
  live: LiveObject | undefined,
  { adopt, replace }: CompareOptions,
): Omit<PlannedChange, 'line'> | undefined {
  if (!live) return changeOf('create', object, describeAll(object), effects[object.kind].create, dangerOf(object, live))
  const differing = Object.entries(object.fields).filter(
    ([name, field]) => (replace && field.type === 'key') || !sameMeaning(field, live.fields[name]),
  )
  const fields = differing.flatMap(([name, field]) => describeDifference(name, field, live.fields[name]))
  const foreign = live.owner === 'other'
  if (differing.length === 0) {
    return foreign && adopt
      ? changeOf('adopt', object, [], 'nothing changes but that it is ours from now on')
      : undefined
  }
  if (live.untouchable) return changeOf('clash', object, fields, live.untouchable)
  if (foreign && !adopt)
    return changeOf('clash', object, fields, 'exists, not ours: --adopt takes it over and changes it')
  const effect = `${foreign ? 'taken over; ' : ''}${effects[object.kind].change}`
  return changeOf('change', object, fields, effect, dangerOf(object, live))
}

function changeOf(
  action: PlanAction,
  { kind, groups, path }: DesiredObject,
  fields: readonly FieldChange[],
  effect: string,
  danger?: string,
): Omit<PlannedChange, 'line'> {
  return { symbol: planSymbols[action], action, kind, groups, path, fields, effect, ...(danger && { danger }) }
}

function describeAll({ fields }: DesiredObject): FieldChange[] {
  return Object.entries(fields).flatMap(([name, field]) => describeNew(name, field))
}

function describeDifference(name: string, field: Field, live: unknown): FieldChange[] {
  if (field.type !== 'key') return describeChange(name, field, live)
  return [{ name, before: live === undefined ? '(absent)' : '(present)', after: String(field.value) }]
}

/** A token is renewed at 0.6 of its life at the earliest; below this there is no room for a second attempt. */
const shortestTtlSeconds = 30

function dangerOf({ kind, fields }: DesiredObject, live: LiveObject | undefined): string | undefined {
  const ttl = fields.default_ttl ?? fields.token_ttl
  if (ttl && Number(meaning('seconds', ttl.value)) < shortestTtlSeconds) {
    return `a life under ${shortestTtlSeconds} s leaves no room for a second attempt at renewal`
  }
  if (!live) return undefined
  const { policy } = fields
  if (policy && policyWidens(String(live.fields.policy ?? ''), String(policy.value))) {
    return 'it grants more than before'
  }
  if (kind === 'jwt config') return 'logins fail from this moment if the new keys are not those that SPIRE signs with'
  if (kind === 'jwt role' && fields.bound_subject && !sameMeaning(fields.bound_subject, live.fields.bound_subject)) {
    return 'another identity may log in with this role'
  }
  return undefined
}

/** What comes of each kind of change, and when. */
const effects: Readonly<Record<ObjectKind, { create: string; change: string }>> = {
  'secrets engine': { create: 'mounted; empty until the rest is written', change: 'is never changed' },
  'auth method': {
    create: 'enabled; nobody can log in until config and roles are written',
    change: 'is never changed',
  },
  'database connection': {
    create: 'Vault connects to the database at once, to verify it',
    change: 'from the next credential; those that live are kept',
  },
  'database role': { create: 'credentials can be made', change: 'from the next credential; those that live are kept' },
  policy: { create: 'takes effect with the role that names it', change: 'at once, for tokens that live too' },
  'jwt config': {
    create: 'logins are checked with these keys',
    change: 'from the next login; Vault fetches the keys anew',
  },
  'jwt role': { create: 'the workload can log in', change: 'from the next login; tokens that live are kept' },
  secret: { create: 'version 1 is written', change: 'a new version is written; services see it at their next read' },
  entry: {
    create: 'agents learn of it within seconds',
    change: 'agents learn of it within seconds; a new SVID follows',
  },
}
