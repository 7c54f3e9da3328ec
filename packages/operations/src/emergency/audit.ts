/**
 * A record of what was done in an emergency: who, when, what, with which outcome. Never a secret: its type has no
 * field for one.
 * @module
 */
import { mkdir, open } from 'node:fs/promises'
import { homedir, hostname, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { type Clock, systemClock } from '@chaveiro/rotation'
import type { Variables } from '../derive/variables.js'

/** One line of the file, as JSON. */
export interface AuditRecord {
  /** ISO 8601. */
  readonly at: string
  readonly user: string
  /** Who became that user by sudo. */
  readonly sudo_user: string | null
  readonly host: string
  /** For instance `emergency unseal`. */
  readonly command: string
  /** Addresses, services, process ids. */
  readonly targets: readonly string[]
  readonly dry_run: boolean
  /** `begun`, then one more record with what came of it. */
  readonly outcome: 'begun' | 'done' | 'failed' | 'stopped'
  /** What came of each target, in words of our own. */
  readonly details: readonly string[]
}

/** `CHAVEIRO_AUDIT_FILE`, else `chaveiro/audit.jsonl` where the user's state is kept (XDG). */
export function auditFile(env: Variables): string {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state')
  return env.CHAVEIRO_AUDIT_FILE || join(state, 'chaveiro', 'audit.jsonl')
}

/** Fills in who and when. */
export function auditRecord(
  what: Pick<AuditRecord, 'command' | 'targets' | 'dry_run' | 'outcome' | 'details'>,
  env: Variables,
  clock: Clock = systemClock,
): AuditRecord {
  const at = new Date(clock.wallMs()).toISOString()
  return { at, user: userName(env), sudo_user: env.SUDO_USER || null, host: hostname(), ...what }
}

/** Appends a line, which is on the disk when this resolves. Only its owner can read the file. */
export async function appendAudit(file: string, record: AuditRecord): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const handle = await open(file, 'a', 0o600)
  try {
    await handle.write(`${JSON.stringify(record)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A container may run under a uid that has no name. */
function userName(env: Variables): string {
  try {
    return userInfo().username
  } catch {
    return env.USER || `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
