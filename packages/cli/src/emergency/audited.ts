/**
 * Keeps the record of an emergency command: one line when it begins, one when it ends.
 * @module
 */
import { type AuditRecord, appendAudit, auditFile, auditRecord } from '@chaveiro/operations'
import type { Terminal } from '../terminal.js'

export interface AuditedWork {
  readonly command: string
  readonly targets: readonly string[]
  readonly dryRun: boolean
}

/** @param work - resolves with what came of it; its error is recorded, and thrown again */
export async function audited<T extends { readonly done: boolean; readonly details: readonly string[] }>(
  terminal: Terminal,
  { command, targets, dryRun }: AuditedWork,
  work: () => Promise<T>,
): Promise<T> {
  const what = { command, targets, dry_run: dryRun }
  await record(terminal, { ...what, outcome: 'begun', details: [] })
  try {
    const result = await work()
    await record(terminal, { ...what, outcome: result.done ? 'done' : 'failed', details: result.details })
    return result
  } catch (error) {
    const outcome = terminal.stop.aborted ? 'stopped' : 'failed'
    await record(terminal, { ...what, outcome, details: [error instanceof Error ? error.message : String(error)] })
    throw error
  }
}

/** A disk that is full must not keep anybody from unsealing Vault: the record is shown instead. */
async function record(
  { env, stderr }: Terminal,
  what: Pick<AuditRecord, 'command' | 'targets' | 'dry_run' | 'outcome' | 'details'>,
): Promise<void> {
  const file = auditFile(env)
  const line = auditRecord(what, env)
  try {
    await appendAudit(file, line)
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    stderr.write(`the audit record cannot be written to ${file} (${why}); keep this line:\n${JSON.stringify(line)}\n`)
  }
}
