/**
 * Whoever knows how objects of a kind are read and written.
 * @module
 */
import type { Secret } from '@chaveiro/rotation'
import type { DesiredObject, LiveObject, ObjectKind } from './desired-object.js'

/** What it takes to find an object: its kind and path suffice, the fields help to find one of another name. */
export type Sought = Pick<DesiredObject, 'kind' | 'path'> & Partial<Pick<DesiredObject, 'fields'>>

export interface Keeper {
  readonly kinds: readonly ObjectKind[]
  /** @returns undefined when there is none */
  read(sought: Sought, signal?: AbortSignal): Promise<LiveObject | undefined>
  /**
   * Makes it as wanted, and ours.
   * @param live - as read just before; undefined when there is none
   * @param values - the secret fields
   */
  write(
    object: DesiredObject,
    live: LiveObject | undefined,
    values: Readonly<Record<string, Secret>>,
    signal?: AbortSignal,
  ): Promise<void>
  remove(sought: Sought, live: LiveObject, signal?: AbortSignal): Promise<void>
}
