/**
 * Whether the token may do all that a plan asks for, found out before anything is changed.
 * @module
 */
import { PermissionDeniedError, type VaultClient } from '@chaveiro/vault'
import type { PlanStep } from '../plan/compute-plan.js'
import type { Ledger } from './ledger.js'
import { missingCapabilities } from './read-document.js'

interface Needed {
  readonly path: string
  /** One of these suffices; the first is named when all are missing. */
  readonly anyOf: readonly string[]
}

/**
 * @throws {PlanError} `ERR_PLAN_PERMISSION_DENIED`, with every capability that is missing
 */
export async function checkCapabilities(
  client: VaultClient,
  steps: readonly PlanStep[],
  ledger: Ledger | undefined,
  ledgerPath: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const needed = steps.flatMap(neededFor)
  if (needed.length === 0) return
  if (ledger) needed.push({ path: ledgerPath, anyOf: ['update', 'create'] })
  const held = await capabilities(client, [...new Set(needed.map(({ path }) => path))], signal)
  if (!held) return
  const missing = needed.flatMap(({ path, anyOf }) => {
    const has = held.get(path) ?? []
    const [capability = ''] = anyOf
    return has.includes('root') || anyOf.some((each) => has.includes(each)) ? [] : [{ path, capability }]
  })
  if (missing.length > 0) throw missingCapabilities(missing)
}

function neededFor({ change, keeper }: PlanStep): Needed[] {
  const { kind, action, path } = change
  if (kind === 'entry' || keeper.kinds.includes('entry')) return []
  if (action === 'delete') return [{ path, anyOf: ['delete'] }]
  const write = { path, anyOf: action === 'create' ? ['create', 'update'] : ['update', 'patch'] }
  return kind === 'auth method' || kind === 'secrets engine'
    ? [{ path, anyOf: ['update', 'create'] }, ...(kind === 'auth method' ? [{ path, anyOf: ['sudo'] }] : [])]
    : [write]
}

/** @returns undefined when even this may not be asked: the writes themselves will tell */
async function capabilities(
  client: VaultClient,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string[]> | undefined> {
  try {
    return await client.sys.capabilitiesSelf(paths, { signal })
  } catch (error) {
    if (error instanceof PermissionDeniedError && error.code !== 'ERR_VAULT_TOKEN_INVALID') return undefined
    throw error
  }
}
