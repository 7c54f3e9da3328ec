/**
 * Reading for a plan: nothing there is an answer, and a refusal names the capability that the token lacks.
 * @module
 */
import { NotFoundError, PermissionDeniedError, type VaultClient } from '@chaveiro/vault'
import { PlanError } from '../plan/errors.js'

export type Document = Readonly<Record<string, unknown>>

/**
 * @returns undefined when nothing is there
 * @throws {PlanError} `ERR_PLAN_PERMISSION_DENIED`; {VaultError}
 */
export async function readDocument(
  client: VaultClient,
  path: string,
  operation: string,
  signal?: AbortSignal,
): Promise<Document | undefined> {
  try {
    const { data } = await client.request<Document | null>({ method: 'GET', path, operation, idempotent: true, signal })
    return data ?? undefined
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw explainRefusal(error, path, 'read')
  }
}

/** A refusal by policy, with the capability that is missing; anything else as it is. */
export function explainRefusal(error: unknown, path: string, capability: string): unknown {
  if (!(error instanceof PermissionDeniedError) || error.code === 'ERR_VAULT_TOKEN_INVALID') return error
  return missingCapabilities([{ path, capability }], error)
}

/** @param missing - at least one */
export function missingCapabilities(
  missing: readonly { readonly path: string; readonly capability: string }[],
  cause?: unknown,
): PlanError {
  const list = missing.map(({ path, capability }) => `"${capability}" on ${path}`)
  const [{ path, capability } = { path: '', capability: '' }] = missing
  return new PlanError('ERR_PLAN_PERMISSION_DENIED', `the token lacks the capability ${list.join(', ')}`, {
    cure: `Add to its policy: path "${path}" { capabilities = ["${capability}"] }${missing.length > 1 ? ', and the others' : ''}; nothing was changed.`,
    cause,
  })
}
