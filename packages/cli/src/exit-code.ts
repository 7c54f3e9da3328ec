/**
 * The exit codes of the command, and which error means which (design, section 4.6).
 * @module
 */
import { exitCodeFor } from '@chaveiro/integration'

export const exitCode = { ok: 0, failed: 1, usage: 2, unreachable: 3, denied: 4 } as const

/** A command that was called wrongly: an option missing, a file that cannot be read. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'ERR_USAGE'
  readonly cure: string

  constructor(message: string, cure: string, options?: { cause?: unknown }) {
    super(message, options)
    this.cure = cure
  }
}

/** @returns the exit code that an error ends the command with */
export function exitCodeOf(error: unknown): number {
  return error instanceof UsageError ? exitCode.usage : exitCodeFor(error)
}

/** What to print of an error: what happened, why, what to do next. Never a stack: that is for `CHAVEIRO_DEBUG`. */
export function explain(error: unknown): string[] {
  if (!(error instanceof Error)) return [`error: ${String(error)}`]
  const lines = [`error: ${error.message}`]
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (!lines.some((line) => line.includes((cause as Error).message))) lines.push(`  because: ${cause.message}`)
  }
  if ('cure' in error && typeof error.cure === 'string') lines.push(`  next: ${error.cure}`)
  return lines
}
