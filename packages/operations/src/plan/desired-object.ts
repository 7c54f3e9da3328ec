/**
 * What is to be there: one object of Vault or SPIRE, as pure data, without a secret in it.
 * @module
 */
import type { ValueOrigin } from '../manifest/value-origin.js'
import type { Field } from './field.js'

/** Parts of a plan that `--only` chooses. */
export const planGroups = ['policies', 'database', 'secrets', 'entries'] as const
export type PlanGroup = (typeof planGroups)[number]

export type ObjectKind =
  | 'secrets engine'
  | 'auth method'
  | 'database connection'
  | 'database role'
  | 'policy'
  | 'jwt config'
  | 'jwt role'
  | 'secret'
  | 'entry'

export interface DesiredObject {
  readonly kind: ObjectKind
  /** It is there when one of these is asked for. */
  readonly groups: readonly PlanGroup[]
  /** Unique: the path in Vault's API, or the ID of a SPIRE entry. */
  readonly path: string
  /** What in the manifest asks for it. */
  readonly manifestPath: readonly (string | number)[]
  /** Paths of objects that must be there before. */
  readonly needs: readonly string[]
  readonly fields: Readonly<Record<string, Field>>
  /** Secret fields, put in when it is written. */
  readonly values?: Readonly<Record<string, ValueOrigin>>
}

/** An object as it was read. */
export interface LiveObject {
  readonly fields: Readonly<Record<string, unknown>>
  /** `nobody`: of a kind that is used but never changed. */
  readonly owner: 'us' | 'other' | 'nobody'
  /** For check-and-set, where there is one. */
  readonly revision?: number
  /** Its name in the server, where that is not its path. */
  readonly id?: string
  /** Why it must be left alone whatever is asked. */
  readonly untouchable?: string
}
