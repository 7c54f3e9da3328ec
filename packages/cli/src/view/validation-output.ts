/**
 * The results of a validation as text, JSON or JUnit. None of them decides whether it passed.
 * @module
 */
import type { CheckResult, CheckStatus, VerdictCode } from '@chaveiro/operations'
import { paintFor, type Style, type Terminal } from '../terminal.js'

export interface ValidationView {
  readonly code: VerdictCode | number
  readonly strict?: boolean
  readonly verbose?: boolean
}

type Render = (results: readonly CheckResult[], view: ValidationView, terminal: Terminal) => string[]

const signs: Readonly<Record<CheckStatus, readonly [sign: string, style: Style]>> = {
  ok: ['✓', 'green'],
  warning: ['‼', 'yellow'],
  failed: ['✗', 'red'],
  unknown: ['?', 'yellow'],
  skipped: ['–', 'dim'],
}

const text: Render = (results, { verbose = false, ...view }, terminal) => {
  const paint = paintFor(terminal)
  const groups = [...new Set(results.map(({ group }) => group))]
  const blocks = groups.flatMap((group) => [
    paint('bold', group),
    ...results.filter((result) => result.group === group).flatMap((result) => checkLines(result, verbose, paint)),
    '',
  ])
  return [...blocks, ...summaryLines(results, view)]
}

function checkLines(result: CheckResult, verbose: boolean, paint: ReturnType<typeof paintFor>): string[] {
  const { code, state, status, duration_ms, evidence, cause, cure, because_of, guide } = result
  const [sign, style] = signs[status]
  const tail = { unknown: ' (could not tell)', skipped: ` (skipped: needs ${because_of.join(', ')})` }[status as string]
  const line = `  ${paint(style, sign)} ${code} ${state}${tail ?? ''}${verbose ? paint('dim', ` ${duration_ms} ms`) : ''}`
  if (status === 'ok') return verbose ? [line, paint('dim', `      ${evidence}`)] : [line]
  if (status === 'skipped') return [line]
  return [line, `      cause: ${cause}`, `      next: ${cure}`, paint('dim', `      see: ${guide}`)]
}

function summaryLines(results: readonly CheckResult[], { code, strict }: ValidationView): string[] {
  const count = (status: CheckStatus): number => results.filter((result) => result.status === status).length
  const parts = [
    `${count('ok') + count('warning')} of ${results.length} hold`,
    ...(count('warning') ? [`${count('warning')} of them with a warning`] : []),
    ...(count('failed') ? [`${count('failed')} failed`] : []),
    ...(count('unknown') ? [`${count('unknown')} could not be told`] : []),
    ...(count('skipped') ? [`${count('skipped')} skipped because of these`] : []),
  ]
  const doubt = count('unknown') + count('skipped')
  const verdict = code === 0 ? (doubt > 0 ? 'nothing that was looked at failed' : 'all is well') : 'not well'
  const hint = code === 0 && doubt > 0 && !strict ? ['--strict fails where it could not be told'] : []
  return [`${parts.join(', ')}: ${verdict}`, ...hint]
}

const json: Render = (results, { code, strict = false }) => [
  JSON.stringify({ schema_version: 1, ok: code === 0, exit_code: code, strict, checks: results }, null, 2),
]

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
// Control characters other than line ends are no XML at all.
const xml = (value: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids
  value.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, ' ').replace(/[&<>"]/g, (sign) => escapes[sign] ?? sign)

/** In strict runs what could not be told is a failure here too, so that a reader of the file sees what the code says. */
const junit: Render = (results, { strict = false }) => {
  const fails = ({ status }: CheckResult): boolean =>
    status === 'failed' || (strict && (status === 'unknown' || status === 'skipped'))
  const skips = ({ status }: CheckResult): boolean => !strict && (status === 'unknown' || status === 'skipped')
  const cases = results.flatMap((result) => {
    const { code, group, state, duration_ms, cause, cure, because_of } = result
    const message = xml(cause ?? (because_of.length > 0 ? `needs ${because_of.join(', ')}` : ''))
    const open = `    <testcase classname="chaveiro.${group}" name="${xml(`${code} ${state}`)}" time="${duration_ms / 1000}"`
    if (fails(result)) return [`${open}><failure message="${message}">${xml(cure ?? '')}</failure></testcase>`]
    if (skips(result)) return [`${open}><skipped message="${message}"/></testcase>`]
    return [`${open}/>`]
  })
  const counts = `tests="${results.length}" failures="${results.filter(fails).length}" skipped="${results.filter(skips).length}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite name="chaveiro validate" ${counts}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
  ]
}

/** By the name of the format. */
export const validationOutputs = { text, json, junit } as const
