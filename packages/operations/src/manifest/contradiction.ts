/**
 * What the schema cannot see, told at the value that causes it.
 * @module
 */

/** A contradiction, at the path of the value that causes it. */
export interface Contradiction {
  readonly path: readonly (string | number)[]
  readonly message: string
}
