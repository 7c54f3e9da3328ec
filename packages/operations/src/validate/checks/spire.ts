/**
 * Does SPIRE know the workloads, and does Vault know SPIRE's keys?
 * @module
 */
import { SpireServerError } from '../../spire/errors.js'
import { readDocument } from '../../vault/read-document.js'
import type { Check } from '../check.js'
import { type Finding, failed, ok, unknown, warning } from '../finding.js'
import type { Inspection } from '../inspection.js'
import { asDeclared } from './as-declared.js'
import { fetchKeyIds } from './jwks.js'

/** Releases of the agent with faults that look like misconfiguration (spire#7198). */
const faultyAgents: ReadonlyMap<string, string> = new Map([['1.15.2', 'it does not receive new entries']])

export const spireChecks: readonly Check[] = [
  {
    code: 'CHV0501',
    group: 'spire',
    state: 'SPIRE server is healthy',
    needs: [],
    look: lookAtServer,
  },
  {
    code: 'CHV0502',
    group: 'spire',
    state: 'each workload has its registration entry',
    needs: ['CHV0501'],
    look: (inspection) => asDeclared(inspection, 'entries', 'entry', inspection.manifest.workloads.length),
  },
  {
    code: 'CHV0503',
    group: 'spire',
    state: 'SPIRE agents are attested, and their own SVIDs live',
    needs: ['CHV0501'],
    look: lookAtAgents,
  },
  {
    code: 'CHV0504',
    group: 'spire',
    state: 'the keys that Vault fetches are those that SPIRE signs with',
    needs: ['CHV0202', 'CHV0501'],
    look: compareKeys,
  },
]

async function lookAtServer({ platform: { spire, spireNamed } }: Inspection, signal: AbortSignal): Promise<Finding> {
  try {
    if (await spire.healthy(signal)) return ok(spire.address)
    return failed('it answers, and calls itself not healthy', 'Look at its log: the datastore is the usual cause.')
  } catch (error) {
    // Nobody said that it is here: then its absence says nothing of it.
    if (error instanceof SpireServerError && error.code === 'ERR_SPIRE_SERVER_UNREACHABLE' && !spireNamed) {
      return unknown(
        `there is no SPIRE server at ${spire.address}`,
        'Set SPIRE_SERVER_SOCKET, or run it on the machine of the server.',
      )
    }
    throw error
  }
}

async function lookAtAgents({ platform: { spire }, clock }: Inspection, signal: AbortSignal): Promise<Finding> {
  const agents = await spire.listAgents(signal)
  if (agents.length === 0) {
    return failed('no agent is attested: no workload gets an SVID', 'Start spire-agent, and look at its log.')
  }
  const banned = agents.filter(({ banned }) => banned)
  const now = clock.wallMs()
  const expired = agents.filter(({ svidExpiresAtMs }) => svidExpiresAtMs <= now)
  if (expired.length === agents.length) {
    const cure = 'Restart the agents, so that they attest anew; with k8s_psat recreate their pods.'
    return failed(`the SVID of every agent has expired: ${names(expired)}`, cure)
  }
  const faulty = agents.filter(({ version }) => faultyAgents.has(version))
  if (faulty.length > 0) {
    const [{ version } = { version: '' }] = faulty
    return warning(
      `${faulty.length} agents are of ${version}: ${faultyAgents.get(version)}`,
      'Upgrade them; see https://github.com/spiffe/spire/issues/7198',
    )
  }
  if (expired.length + banned.length === 0) return ok(`${agents.length} agents`)
  const away = new Set([...expired, ...banned])
  const cure = 'Restart those agents; remove those that are gone: spire-server agent purge'
  return warning(`${away.size} of ${agents.length} agents are expired or banned: ${names([...away])}`, cure)
}

const names = (agents: readonly { readonly id: string }[]): string => agents.map(({ id }) => id).join(', ')

/** The signing key is prepared long before it is used, so one that is missing at Vault's source breaks logins soon. */
async function compareKeys(inspection: Inspection, signal: AbortSignal): Promise<Finding> {
  const { platform, manifest, clock } = inspection
  const path = `auth/${manifest.vault.mounts.jwt}/config`
  const config = (await readDocument(platform.vault, path, 'auth_configure', signal)) ?? {}
  const url = String(config.jwks_url ?? '')
  if (url === '') return unknown('Vault holds static keys, which bear no key id', 'Use vault.jwksUrl in the manifest.')
  const ca = String(config.jwks_ca_pem ?? '')
  const { jwtAuthorities } = await platform.spire.bundle(signal)
  const served = await fetchKeyIds(url, ca === '' ? undefined : ca, signal)
  if (served.status !== 'served') return served.finding
  const now = clock.wallMs()
  const live = jwtAuthorities.filter(({ expiresAtMs, tainted }) => !tainted && expiresAtMs > now)
  const missing = live.filter(({ keyId }) => !served.keyIds.includes(keyId))
  const tainted = jwtAuthorities.filter(({ keyId, tainted }) => tainted && served.keyIds.includes(keyId))
  if (missing.length > 0) {
    const cure =
      'Restart the discovery provider or point vault.jwksUrl at the one of this SPIRE; then run: chaveiro apply --only policies'
    return failed(`${url} lacks the key ${keys(missing)} that SPIRE signs with`, cure)
  }
  if (tainted.length > 0) return failed(`${url} still serves the tainted key ${keys(tainted)}`, 'Revoke it in SPIRE.')
  return ok(`${live.length} keys, as read from this machine: ${keys(live)}`)
}

const keys = (authorities: readonly { readonly keyId: string }[]): string =>
  authorities.map(({ keyId }) => keyId).join(', ')
