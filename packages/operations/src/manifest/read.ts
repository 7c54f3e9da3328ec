/**
 * From the text of `chaveiro.yaml` to a {@link Manifest}, with file, line and column in every complaint.
 * @module
 */
import { isNode, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { ManifestError, type ManifestProblem } from './errors.js'
import { contradictions } from './rules.js'
import { type Manifest, manifestSchema } from './schema.js'

type Path = readonly PropertyKey[]

/** A manifest and where its parts stand. */
export interface LocatedManifest {
  readonly file: string
  readonly manifest: Manifest
  /** Line of the value at a path, counting from 1; of its nearest parent when it is not written out. */
  readonly lineOf: (path: readonly (string | number)[]) => number
}

/**
 * @param text - YAML
 * @param file - named in complaints
 * @throws {ManifestError} with every problem found, each at its line and column
 */
export function readManifest(text: string, file: string): Manifest {
  return locateManifest(text, file).manifest
}

/** As {@link readManifest}, and keeps where each part stands. @throws {ManifestError} */
export function locateManifest(text: string, file: string): LocatedManifest {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  if (document.errors.length > 0) {
    throw new ManifestError(
      file,
      document.errors.map((error) => ({ ...at(error.pos[0]), path: '', message: error.message.split('\n')[0] ?? '' })),
    )
  }
  const locate = (path: Path, message: string): ManifestProblem => ({
    ...at(offsetOf(document, path)),
    path: path.join('.'),
    message,
  })
  const parsed = manifestSchema.safeParse(document.toJS())
  if (!parsed.success)
    throw new ManifestError(
      file,
      parsed.error.issues.flatMap((issue) => explain(issue, locate)),
    )
  const found = contradictions(parsed.data)
  if (found.length > 0)
    throw new ManifestError(
      file,
      found.map(({ path, message }) => locate(path, message)),
    )
  return { file, manifest: parsed.data, lineOf: (path) => at(offsetOf(document, path)).line }
}

function explain(issue: z.core.$ZodIssue, locate: (path: Path, message: string) => ManifestProblem): ManifestProblem[] {
  if (issue.code !== 'unrecognized_keys') return [locate(issue.path, issue.message)]
  return issue.keys.map((key) =>
    locate([...issue.path, key], `unknown key "${key}"; remove it or correct its spelling`),
  )
}

/** Where the value at `path` begins; for a missing one, its nearest parent that is there. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: Path): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}
