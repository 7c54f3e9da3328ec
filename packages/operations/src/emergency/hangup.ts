/**
 * SIGHUP, which has a service renew everything; a process that does not listen for it is ended by it.
 * @module
 */
import { readFile } from 'node:fs/promises'

/** `unknown`: this system does not tell. */
export type HangupReadiness = 'listens' | 'would_end' | 'absent' | 'unknown'

const hangupBit = 1n

/** Looks whether a process has a handler for SIGHUP, by what Linux tells of it. */
export async function readinessForHangup(pid: number): Promise<HangupReadiness> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1]
    if (caught === undefined) return 'unknown'
    return (BigInt(`0x${caught}`) & hangupBit) === 0n ? 'would_end' : 'listens'
  } catch (error) {
    if (process.platform !== 'linux') return 'unknown'
    return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '') ? 'absent' : 'unknown'
  }
}
