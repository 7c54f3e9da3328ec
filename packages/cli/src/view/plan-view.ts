/**
 * A plan and what became of it, as text for people.
 * @module
 */
import type { ApplyReport, FieldChange, Plan, PlannedChange } from '@chaveiro/operations'
import { explain } from '../exit-code.js'
import type { Paint, Style } from '../terminal.js'

const styles: Readonly<Record<PlannedChange['symbol'], Style>> = {
  '+': 'green',
  '~': 'yellow',
  '-': 'red',
  '=': 'cyan',
  '!': 'red',
}

/** A block for each change, then one line that sums up. */
export function planLines(plan: Plan, paint: Paint): string[] {
  const blocks = plan.changes.flatMap((change) => [...changeLines(change, plan.manifest, paint), ''])
  const notes = plan.notes.map((note) => `note: ${note}`)
  return [...blocks, ...notes, summary(plan)]
}

function changeLines(change: PlannedChange, manifest: string, paint: Paint): string[] {
  const { symbol, kind, path, fields, line, effect, danger } = change
  const where = line === undefined ? '' : `   ${paint('dim', `${manifest}:${line}`)}`
  return [
    `${paint(styles[symbol], symbol)} ${kind} ${paint('bold', path)}${where}`,
    ...fields.map((field) => `    ${fieldLine(field)}`),
    `    ${paint('dim', effect)}`,
    ...(danger === undefined ? [] : [`    ${paint('red', `look twice: ${danger}`)}`]),
  ]
}

function fieldLine({ name, before, after }: FieldChange): string {
  if (before === undefined) return `${name}: ${after}`
  return `${name}: ${before} -> ${after ?? '(removed)'}`
}

function summary({ changes, unchanged, compared, manifest, groups }: Plan): string {
  const count = (action: PlannedChange['action']): number => changes.filter((change) => change.action === action).length
  if (changes.length === 0) {
    return `No changes. ${compared} objects of ${manifest} (${groups.join(', ')}) were compared with the servers: all as wanted.`
  }
  const parts = [
    `${count('create')} to create`,
    `${count('change')} to change`,
    `${count('delete')} to delete`,
    ...(count('adopt') ? [`${count('adopt')} to take over`] : []),
    ...(count('clash') ? [`${count('clash')} in the way`] : []),
  ]
  return `Plan: ${parts.join(', ')}; ${unchanged} as wanted.`
}

/** What was done, what was not and why, and how to go on. */
export function reportLines(report: ApplyReport, resume: string, paint: Paint): string[] {
  const { done, unchanged, failed, notStarted, interrupted } = report
  const failures = failed.flatMap(({ change, error }) => [
    `${paint('red', 'failed')} ${change.kind} ${change.path}`,
    ...explain(error).map((line) => `  ${line}`),
  ])
  const waiting = notStarted.map(({ change, because }) => `not started: ${change.kind} ${change.path} (${because})`)
  const counts = `done ${done.length}, failed ${failed.length}, not started ${notStarted.length}`
  const already = unchanged.length === 0 ? '' : `, already as wanted ${unchanged.length}`
  const end = interrupted ? 'stopped: ' : ''
  const next = failed.length + notStarted.length === 0 ? [] : [`to do the rest: ${resume}`]
  return [...failures, ...waiting, `${end}${counts}${already}`, ...next]
}
