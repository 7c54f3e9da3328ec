/**
 * May the workloads log in, and with which rights?
 * @module
 */
import { readDocument } from '../../vault/read-document.js'
import type { Check } from '../check.js'
import { failed, ok, warning } from '../finding.js'
import type { Inspection } from '../inspection.js'
import { asDeclared } from './as-declared.js'

export const authChecks: readonly Check[] = [
  {
    code: 'CHV0201',
    group: 'auth',
    state: 'the JWT auth method is enabled',
    needs: ['CHV0106'],
    look: async ({ platform: { vault }, manifest }, signal) => {
      const path = `${manifest.vault.mounts.jwt}/`
      const mount = (await vault.sys.auth.list({ signal })).find((each) => each.path === path)
      if (!mount) return failed(`nothing is enabled at auth/${path}`, 'Run: chaveiro apply --only policies')
      if (mount.type === 'jwt' || mount.type === 'oidc') return ok(`auth/${path}`)
      return failed(`auth/${path} is of type ${mount.type}`, 'Name another mount: vault.mounts.jwt in the manifest.')
    },
  },
  {
    code: 'CHV0202',
    group: 'auth',
    state: "Vault checks JWT-SVIDs with SPIRE's keys",
    needs: ['CHV0201'],
    look: lookAtKeySource,
  },
  {
    code: 'CHV0203',
    group: 'auth',
    state: 'each workload has its policy, with exactly the declared rights',
    needs: ['CHV0106'],
    look: (inspection) => asDeclared(inspection, 'policies', 'policy', inspection.manifest.workloads.length),
  },
  {
    code: 'CHV0204',
    group: 'auth',
    state: 'each workload has its role, bound to its SPIFFE ID and audience',
    needs: ['CHV0201'],
    look: (inspection) => asDeclared(inspection, 'policies', 'jwt role', inspection.manifest.workloads.length),
  },
]

async function lookAtKeySource(inspection: Inspection, signal: AbortSignal) {
  const { platform, manifest } = inspection
  const path = `auth/${manifest.vault.mounts.jwt}/config`
  const config = await readDocument(platform.vault, path, 'auth_configure', signal)
  const url = config?.jwks_url
  const keys = config?.jwt_validation_pubkeys
  if (typeof url === 'string' && url !== '') {
    const declared = await asDeclared(inspection, 'policies', 'jwt config', 1)
    return declared.status === 'ok' ? ok(`fetched from ${url}`) : declared
  }
  if (Array.isArray(keys) && keys.length > 0) {
    const cure = 'Set vault.jwksUrl to the keys of the discovery provider; then run: chaveiro apply --only policies'
    return warning(`${keys.length} static keys: they go stale when SPIRE changes its own, and all logins fail`, cure)
  }
  return failed(`${path} says neither where the keys are nor which`, 'Run: chaveiro apply --only policies')
}
