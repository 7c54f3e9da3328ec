/**
 * A whole login of each workload with a JWT-SVID that SPIRE really signed, and what its token may then do.
 * @module
 */
import { jwtLogin, LoginFailedError, type VaultAuth, VaultError } from '@chaveiro/vault'
import type { Workload } from '../../manifest/schema.js'
import { mapConcurrently } from '../../plan/concurrent.js'
import type { Check } from '../check.js'
import { endToken } from '../end-token.js'
import { type Finding, failed, ok } from '../finding.js'
import type { Inspection } from '../inspection.js'
import { firstFew } from './first-few.js'
import { declaredRights, missingRights } from './rights.js'

const svidTtlSeconds = 60
const atOnce = 4

export const loginChecks: readonly Check[] = [
  {
    code: 'CHV0601',
    group: 'login',
    state: 'SPIRE issues JWT-SVIDs that are valid',
    needs: ['CHV0501'],
    look: issueOne,
  },
  {
    code: 'CHV0602',
    group: 'login',
    state: 'each workload logs in with its JWT-SVID',
    needs: ['CHV0204', 'CHV0601'],
    look: (inspection, signal) => eachLogin(inspection, signal, async () => undefined),
  },
  {
    code: 'CHV0603',
    group: 'login',
    state: 'the token of each workload may do what is declared, and does not hold the rights of another',
    needs: ['CHV0602'],
    look: (inspection, signal) =>
      eachLogin(inspection, signal, async (workload, auth) => {
        const client = inspection.platform.vault.withToken(() => auth.token)
        const { manifest } = inspection
        const missing = await missingRights(client, declaredRights(workload, manifest), signal)
        if (missing.length > 0) return `lacks ${missing.join(', ')}`
        const foreign = auth.policies.filter((name) =>
          manifest.workloads.some((each) => each.name === name && each !== workload),
        )
        return foreign.length > 0 ? `holds the policy of ${foreign.join(', ')} too` : undefined
      }),
  },
]

/** A server whose key could not be rotated signs tokens that have already expired (spire#1542). */
async function issueOne({ platform: { mint }, manifest, clock }: Inspection): Promise<Finding> {
  const [workload] = manifest.workloads
  if (!workload) return ok('no workload is declared')
  const svid = await mint.mintJwtSvid(workload.id, manifest.vault.audience, svidTtlSeconds)
  const leftSeconds = Math.round((svid.expiresAtMs - clock.wallMs()) / 1000)
  if (leftSeconds > 0) return ok(`for ${workload.id}, ${leftSeconds} s left`)
  return failed(
    `the token for ${workload.id} had expired ${-leftSeconds} s before it came`,
    "SPIRE server's key was not rotated, or its clock is behind: look at its log, compare date -u, restart it.",
  )
}

/** @param problem - what is wrong with a token; the token is revoked in any case */
async function eachLogin(
  inspection: Inspection,
  signal: AbortSignal,
  problem: (workload: Workload, auth: VaultAuth) => Promise<string | undefined>,
): Promise<Finding> {
  const { workloads } = inspection.manifest
  const problems = await mapConcurrently(workloads, atOnce, async (workload) => {
    const found = await oneLogin(inspection, workload, signal, problem)
    return found === undefined ? [] : [`${workload.name}: ${found}`]
  })
  const found = problems.flat()
  if (found.length === 0) return ok(`${workloads.length} workloads`)
  return failed(
    firstFew(found),
    'Compare role and policy with the manifest: chaveiro plan --only policies; why says more.',
  )
}

async function oneLogin(
  { platform: { vault, mint }, manifest }: Inspection,
  workload: Workload,
  signal: AbortSignal,
  problem: (workload: Workload, auth: VaultAuth) => Promise<string | undefined>,
): Promise<string | undefined> {
  const { audience, mounts } = manifest.vault
  const jwt = async () => (await mint.mintJwtSvid(workload.id, audience, svidTtlSeconds)).token
  let auth: VaultAuth
  try {
    auth = await jwtLogin({ mount: mounts.jwt, role: workload.name, jwt }).login(vault, { signal })
  } catch (error) {
    const refused = error instanceof LoginFailedError || (error instanceof VaultError && error.status === 403)
    if (refused) return error.message
    throw error
  }
  let found: string | undefined
  let ended = false
  try {
    found = await problem(workload, auth)
  } finally {
    // Not with the check's own signal: what was made is ended even when the check is stopped.
    ended = await endToken(vault, auth)
  }
  return found ?? (ended ? undefined : 'logs in, but may not revoke its own token')
}
