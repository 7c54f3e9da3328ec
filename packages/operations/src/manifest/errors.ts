/**
 * What is wrong with a manifest, and where.
 * @module
 */

/** One complaint. Lines and columns count from 1. */
export interface ManifestProblem {
  readonly line: number
  readonly column: number
  /** The key concerned, dotted; empty for the whole file. */
  readonly path: string
  readonly message: string
}

/** A manifest that cannot be used. Holds every problem found, not only the first. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError'
  readonly code = 'ERR_MANIFEST_INVALID'
  readonly cure = 'Correct the lines named and run the command again; nothing was changed.'

  constructor(
    readonly file: string,
    readonly problems: readonly ManifestProblem[],
  ) {
    super(problems.map(({ line, column, path, message }) => `${file}:${line}:${column} ${path}: ${message}`).join('\n'))
  }
}
