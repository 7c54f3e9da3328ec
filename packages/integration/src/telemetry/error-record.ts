/**
 * What of an error may be written: its code, its message, the codes of its causes. Never a stack, never its fields:
 * a database driver's error quotes queries, an HTTP client's holds headers.
 * @module
 */
import { scrub } from './scrub.js'

export interface ErrorRecord {
  readonly code: string
  readonly message: string
  /** The next step, where the error names one. */
  readonly cure?: string
  /** Codes of what led to it, nearest first. */
  readonly causes?: readonly string[]
}

/** A chain of causes longer than this is no longer read; it may be circular. */
const deepestCause = 8

export function errorRecord(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { code: 'ERR_UNKNOWN', message: 'something that is not an error was thrown' }
  const causes: string[] = []
  for (let cause = error.cause; cause instanceof Error && causes.length < deepestCause; cause = cause.cause) {
    causes.push(codeOf(cause))
  }
  return {
    code: codeOf(error),
    message: scrub(error.message),
    ...('cure' in error && typeof error.cure === 'string' ? { cure: scrub(error.cure) } : {}),
    ...(causes.length > 0 ? { causes } : {}),
  }
}

/** The stable code of an error that has one, else the name of its class. */
function codeOf(error: Error): string {
  const code: unknown = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? scrub(code) : error.name
}
