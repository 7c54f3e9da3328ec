/**
 * Whether a kind of object is on the servers as the manifest says: by the plan, which compares meaning.
 * @module
 */
import type { ObjectKind, PlanGroup } from '../../plan/desired-object.js'
import { type Finding, failed, ok } from '../finding.js'
import type { Inspection } from '../inspection.js'
import { firstFew } from './first-few.js'

/**
 * @param declared - how many of that kind the manifest asks for
 */
export async function asDeclared(
  inspection: Inspection,
  group: PlanGroup,
  kind: ObjectKind,
  declared: number,
): Promise<Finding> {
  const differing = (await inspection.changes(group)).filter((change) => change.kind === kind)
  if (differing.length === 0) return ok(`${declared} as the manifest says`)
  const { file } = inspection.platform.located
  const lines = differing.map(({ action, path, fields, line }) => {
    const names = [...new Set(fields.map(({ name }) => name))].join(', ')
    const where = line === undefined ? '' : ` (${file}:${line})`
    if (action === 'create') return `${path} is missing${where}`
    if (action === 'clash') return `${path} exists, not ours, and differs: ${names}${where}`
    return `${path} differs: ${names}${where}`
  })
  const clash = differing.some(({ action }) => action === 'clash')
  const command = `chaveiro apply -f ${file} --only ${group}${clash ? ' --adopt' : ''}`
  return failed(firstFew(lines), `Look, then do it: chaveiro plan --only ${group}; ${command}`)
}
