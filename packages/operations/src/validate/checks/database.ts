/**
 * Does Vault make database users that can log in, and end them?
 * @module
 */
import type { Check } from '../check.js'
import { type Finding, ok } from '../finding.js'
import type { Inspection } from '../inspection.js'
import { asDeclared } from './as-declared.js'
import { tryCredential } from './database-credential.js'

const rolesOf = ({ manifest }: Inspection) =>
  manifest.databases.flatMap((database) => database.roles.map((role) => ({ database, role })))

/** A manifest without databases asks for nothing here. */
const none = ok('the manifest declares no database')

export const databaseChecks: readonly Check[] = [
  {
    code: 'CHV0301',
    group: 'database',
    state: "Vault's database connections are as declared",
    needs: ['CHV0106'],
    look: async (inspection) => {
      const declared = inspection.manifest.databases.length
      return declared === 0 ? none : asDeclared(inspection, 'database', 'database connection', declared)
    },
  },
  {
    code: 'CHV0302',
    group: 'database',
    state: 'the database roles are as declared',
    needs: ['CHV0106'],
    look: async (inspection) => {
      const declared = rolesOf(inspection).length
      return declared === 0 ? none : asDeclared(inspection, 'database', 'database role', declared)
    },
  },
  {
    code: 'CHV0303',
    group: 'database',
    state: 'a database user can be made, logs in, and is refused once it is revoked',
    needs: ['CHV0301', 'CHV0302'],
    look: async (inspection, signal) => {
      const seen: string[] = []
      for (const { database, role } of rolesOf(inspection)) {
        const finding: Finding = await tryCredential(inspection, database, role.name, signal)
        if (finding.status !== 'ok') return finding
        seen.push(`${role.name}: ${finding.evidence}`)
      }
      return seen.length === 0 ? none : ok(seen.join('; '))
    },
  },
]
