/**
 * Follows the chain from a workload to a path: entry, SVID, role, policy line, capability.
 * @module
 */
import { exitCodeFor } from '@chaveiro/integration'
import { jwtLogin, type VaultClient } from '@chaveiro/vault'
import type { LocatedManifest } from '../manifest/read.js'
import type { Workload } from '../manifest/schema.js'
import type { SpireServerClient } from '../spire/server-client.js'
import { endToken } from '../validate/end-token.js'
import type { SvidMint } from '../validate/svid-mint.js'
import { readDocument } from '../vault/read-document.js'
import { broken, type ChainLink, type Explanation, holds, notSeen } from './explanation.js'
import { manifestGrant } from './manifest-grant.js'
import { decidingRules, grantedBy, type PolicyRule, rulesOf } from './policy-match.js'

export interface AccessQuestion {
  readonly located: LocatedManifest
  /** With a token that may read roles and policies. */
  readonly vault: VaultClient
  readonly spire: SpireServerClient
  readonly mint: SvidMint
  /** Name of a workload, or its SPIFFE ID. */
  readonly workload: string
  /** `secret/orchestrator/kafka`, `database/creds/ROLE`, or any path of the API. */
  readonly path: string
  /** Default `read`. */
  readonly capability?: string
  readonly signal?: AbortSignal | undefined
}

const svidTtlSeconds = 60

/** @throws {VaultError} and {PlanError} when Vault cannot be asked; SPIRE's absence is told in the chain */
export async function explainAccess(question: AccessQuestion): Promise<Explanation> {
  const { located, workload: name, capability = 'read' } = question
  const path = apiPath(question.path, located.manifest.vault.mounts.kv, capability)
  const workload = located.manifest.workloads.find((each) => each.name === name || each.id.toString() === name)
  const chain: ChainLink[] = []
  const answer = (): Explanation => ({
    workload: name,
    path,
    capability,
    allowed: chain.every(({ status }) => status !== 'broken'),
    chain,
  })
  /** @returns whether the chain ends here */
  const ends = (link: ChainLink): boolean => {
    chain.push(link)
    return link.status === 'broken'
  }
  if (!workload) {
    const known = located.manifest.workloads.map((each) => each.name).join(', ')
    const cure = `Add it under workloads: in ${located.file}, or name one of ${known}.`
    ends(broken('workload', `${name} is not in the manifest`, cure, located.file))
    return answer()
  }
  ends(holds('workload', `${workload.id}`, lineOf(located, workload, [])))
  if (ends(await entryLink(question, workload)) || ends(await svidLink(question, workload))) return answer()
  const role = await roleLink(question, workload)
  if (ends(role.link)) return answer()
  const policy = await policyLink(question, workload, role.policies, path, capability)
  if (!ends(policy)) ends(await capabilityLink(question, workload, path, capability))
  return answer()
}

/** What people write, as the API has it: the KV engine keeps values below `data/` and names below `metadata/`. */
function apiPath(text: string, kv: string, capability: string): string {
  const path = text.replace(/^\/?(v1\/)?/, '')
  if (!path.startsWith(`${kv}/`)) return path
  const below = path.slice(kv.length + 1)
  return /^(data|metadata|delete|undelete|destroy)\//.test(below)
    ? path
    : `${kv}/${capability === 'list' ? 'metadata' : 'data'}/${below}`
}

function lineOf({ file, manifest, lineOf }: LocatedManifest, workload: Workload, path: (string | number)[]): string {
  return `${file}:${lineOf(['workloads', manifest.workloads.indexOf(workload), ...path])}`
}

/** SPIRE server is often out of reach of whoever asks: that is no break of the chain. */
async function entryLink({ spire, located, signal }: AccessQuestion, workload: Workload): Promise<ChainLink> {
  const where = lineOf(located, workload, ['selectors'])
  const id = workload.id.toString()
  try {
    const entries = (await spire.listEntries(signal)).filter((entry) => entry.spiffe_id === id)
    const cure = 'Run: chaveiro apply --only entries'
    if (entries.length === 0) return broken('entry', `SPIRE has no entry for ${id}`, cure, where)
    const found = entries.map(({ id, parent_id, selectors }) => `${id}: ${selectors.join(' and ')} under ${parent_id}`)
    return holds('entry', found.join('; '), where)
  } catch (error) {
    return unseen('entry', error)
  }
}

async function svidLink({ mint, located, signal }: AccessQuestion, workload: Workload): Promise<ChainLink> {
  const { audience } = located.manifest.vault
  try {
    signal?.throwIfAborted()
    const svid = await mint.mintJwtSvid(workload.id, audience, svidTtlSeconds)
    return holds('svid', `a JWT-SVID for ${svid.id}, audience ${svid.audience.join(', ')}, key ${svid.keyId}`)
  } catch (error) {
    return unseen('svid', error)
  }
}

function unseen(link: 'entry' | 'svid' | 'capability', error: unknown): ChainLink {
  // A refusal or an absence says nothing of the workload; anything else is a fault to be told.
  const { message, cure } = error as Error & { cure?: string }
  if (exitCodeFor(error) === 1 || exitCodeFor(error) === 2) return broken(link, message, cure ?? 'See the cause.')
  return notSeen(link, message, cure ?? 'Run it on the machine of SPIRE server.')
}

async function roleLink(
  { vault, located, signal }: AccessQuestion,
  workload: Workload,
): Promise<{ link: ChainLink; policies: readonly string[] }> {
  const { mounts, audience } = located.manifest.vault
  const path = `auth/${mounts.jwt}/role/${workload.name}`
  const role = await readDocument(vault, path, 'auth_configure', signal)
  const cure = 'Run: chaveiro apply --only policies'
  const where = lineOf(located, workload, ['id'])
  if (!role) return { link: broken('role', `${path} is not there`, cure, where), policies: [] }
  const { bound_subject: subject, bound_audiences: audiences } = role
  const policies = Array.isArray(role.token_policies) ? role.token_policies.map(String) : []
  if (subject && subject !== workload.id.toString()) {
    return { link: broken('role', `${path} is bound to ${String(subject)}`, cure, where), policies }
  }
  if (Array.isArray(audiences) && audiences.length > 0 && !audiences.includes(audience)) {
    const found = `${path} takes the audience ${audiences.join(', ')}, and ${audience} is asked for`
    return { link: broken('role', found, cure, where), policies }
  }
  const all = role.token_no_default_policy === true ? policies : [...policies, 'default']
  return { link: holds('role', `${path} gives the policies ${all.join(', ')}`, where), policies: all }
}

async function policyLink(
  { vault, located, signal }: AccessQuestion,
  workload: Workload,
  policies: readonly string[],
  path: string,
  capability: string,
): Promise<ChainLink> {
  const rules: PolicyRule[] = []
  for (const name of policies) {
    const document = await readDocument(vault, `sys/policies/acl/${name}`, 'sys', signal)
    rules.push(...rulesOf(name, String(document?.policy ?? '')))
  }
  const deciding = decidingRules(rules, path)
  const granted = grantedBy(deciding)
  const [rule] = deciding
  if (rule && granted.includes(capability)) {
    return holds('policy', `path "${rule.path}" grants ${granted.join(', ')}`, `policy ${rule.policy}:${rule.line}`)
  }
  const grant = manifestGrant(located, workload, path, capability)
  if (!rule) return broken('policy', `no line of ${policies.join(', ')} is about ${path}`, grant.cure, grant.where)
  const found = `policy ${rule.policy}:${rule.line}, path "${rule.path}", grants ${granted.join(', ') || 'nothing'}: not ${capability}`
  return broken('policy', found, grant.cure, grant.where)
}

/** The proof: a login as the workload, and Vault's own word. The token is revoked at once. */
async function capabilityLink(
  { vault, mint, located, signal }: AccessQuestion,
  workload: Workload,
  path: string,
  capability: string,
): Promise<ChainLink> {
  const { mounts, audience } = located.manifest.vault
  const jwt = async () => (await mint.mintJwtSvid(workload.id, audience, svidTtlSeconds)).token
  try {
    const auth = await jwtLogin({ mount: mounts.jwt, role: workload.name, jwt }).login(vault, { signal })
    const asWorkload = vault.withToken(() => auth.token)
    try {
      const held = (await asWorkload.sys.capabilitiesSelf([path], { signal })).get(path) ?? []
      if (held.includes(capability)) return holds('capability', `Vault itself says: ${held.join(', ')}`)
      return broken(
        'capability',
        `Vault itself says: ${held.join(', ')}`,
        'Look for another policy: vault token lookup',
      )
    } finally {
      await endToken(vault, auth)
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_VAULT_LOGIN_FAILED') return unseen('capability', error)
    return broken('capability', (error as Error).message, 'Run: chaveiro validate --only spire,login')
  }
}
