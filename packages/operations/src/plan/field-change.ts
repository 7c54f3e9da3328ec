/**
 * One field of a line of a plan.
 * @module
 */

/** One field of a line of the plan: as people read it, without secrets. */
export interface FieldChange {
  readonly name: string
  /** Absent: it is not there yet. */
  readonly before?: string
  /** Absent: it goes away. */
  readonly after?: string
}
