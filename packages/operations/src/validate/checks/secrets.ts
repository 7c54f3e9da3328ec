/**
 * Are the secrets there that services read?
 * @module
 */
import type { Check } from '../check.js'
import { failed, ok } from '../finding.js'
import { asDeclared } from './as-declared.js'

export const secretChecks: readonly Check[] = [
  {
    code: 'CHV0401',
    group: 'secrets',
    state: 'the KV engine is mounted, in version 2',
    needs: ['CHV0106'],
    look: async ({ platform: { vault }, manifest }, signal) => {
      const path = `${manifest.vault.mounts.kv}/`
      const mount = (await vault.sys.mounts.list({ signal })).find((each) => each.path === path)
      if (!mount) return failed(`nothing is mounted at ${path}`, 'Run: chaveiro apply --only secrets')
      if (mount.type === 'kv' && mount.options.version === '2') return ok(path)
      const seen = `${path} is of type ${mount.type}, version ${mount.options.version ?? '1'}`
      return failed(seen, `Move it to version 2 (vault kv enable-versioning ${path}), or name another: vault.mounts.kv`)
    },
  },
  {
    code: 'CHV0402',
    group: 'secrets',
    state: 'each declared secret is there, with all its keys',
    needs: ['CHV0401'],
    look: (inspection) => asDeclared(inspection, 'secrets', 'secret', inspection.manifest.secrets.length),
  },
]
