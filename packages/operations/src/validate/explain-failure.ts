/**
 * From an error that a check ended with to a finding.
 * @module
 */
import { exitCodeFor } from '@chaveiro/integration'
import { type Finding, failed, unknown } from './finding.js'

/** A right that the checker lacks tells nothing of the platform; everything else that is thrown is a failure. */
export function findingOf(error: unknown): Finding {
  const cause = error instanceof Error ? error.message : String(error)
  const cure = cureOf(error) ?? 'The cause above is all that is known; run it again with CHAVEIRO_DEBUG=1.'
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ERR_PLAN_INPUT_MISSING') return unknown(cause, cure, 'input')
  // A login that is refused is the state of the platform, not a right of whoever checks it.
  if (code === 'ERR_VAULT_LOGIN_FAILED') return failed(cause, cure)
  switch (exitCodeFor(error)) {
    case 4:
      return unknown(cause, cure, 'denied')
    case 3:
      return failed(cause, cure, 'unreachable')
    default:
      return failed(cause, cure)
  }
}

function cureOf(error: unknown): string | undefined {
  return error instanceof Error && 'cure' in error && typeof error.cure === 'string' ? error.cure : undefined
}
