/**
 * Fields compared by meaning: `1h` is 3600, a set has no order, what is left out is the server's default.
 * @module
 */
import type { FieldChange } from './field-change.js'
import { policyDifferences, policySummary, samePolicy } from './policy-tree.js'

/** How a field is to be read. */
export type FieldType = 'text' | 'seconds' | 'number' | 'boolean' | 'set' | 'list' | 'map' | 'policy' | 'hidden' | 'key'

/**
 * What a field must be. `hidden`: compared, never shown. `key`: a key of a secret, which is there or not; its value
 * is never read.
 */
export interface Field {
  readonly type: FieldType
  readonly value: unknown
}

/** Whether what the server holds means what is wanted. */
export function sameMeaning({ type, value }: Field, live: unknown): boolean {
  if (type === 'policy') return samePolicy(String(value), String(live ?? ''))
  return meaning(type, value) === meaning(type, live)
}

/** What differs, in a form for people. */
export function describeChange(name: string, field: Field, live: unknown): FieldChange[] {
  if (field.type === 'policy') return policyDifferences(String(live ?? ''), String(field.value))
  if (field.type === 'hidden') return [{ name, before: '(hidden)', after: '(hidden, another value)' }]
  return [{ name, before: show(field.type, live), after: show(field.type, field.value) }]
}

/** A field of an object that is not there yet; defaults are left out. */
export function describeNew(name: string, field: Field): FieldChange[] {
  if (field.type === 'policy') return policySummary(String(field.value))
  if (field.type === 'hidden') return [{ name, after: '(hidden)' }]
  if (field.type === 'key') return [{ name, after: String(field.value) }]
  return meaning(field.type, field.value) === meaning(field.type, undefined)
    ? []
    : [{ name, after: show(field.type, field.value) }]
}

/** One text for all ways to write the same. */
export function meaning(type: FieldType, value: unknown): string {
  switch (type) {
    case 'text':
    case 'hidden':
      return String(value ?? '').trim()
    case 'seconds':
    case 'number':
      return String(seconds(value))
    case 'boolean':
      return String(value === true || value === 'true')
    case 'set':
      return JSON.stringify([...new Set(texts(value))].sort())
    case 'list':
      return JSON.stringify(texts(value))
    case 'map':
      return canonical(value ?? {})
    case 'key':
      return String(value !== undefined)
    case 'policy':
      return String(value ?? '')
    default:
      return type satisfies never
  }
}

function show(type: FieldType, value: unknown): string {
  switch (type) {
    case 'seconds':
      return duration(seconds(value))
    case 'set':
    case 'list':
      return `[${texts(value).join(', ')}]`
    case 'key':
      return value === undefined ? '(absent)' : String(value)
    case 'text':
      return meaning(type, value) || '(none)'
    default:
      return meaning(type, value)
  }
}

const unitSeconds: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 }

/** A number, its text, or Go's `1h0m0s`. */
function seconds(value: unknown): number {
  if (typeof value === 'number') return value
  const text = String(value ?? '')
  if (/^-?\d*$/.test(text)) return Number(text)
  return [...text.matchAll(/(\d+)([hms])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (unitSeconds[unit ?? ''] ?? 0),
    0,
  )
}

function duration(total: number): string {
  if (total === 0) return "(the server's)"
  const parts = [Math.floor(total / 3600), Math.floor((total % 3600) / 60), total % 60]
  return parts.flatMap((count, index) => (count ? [`${count}${'hms'[index]}`] : [])).join('')
}

function texts(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String)
  return value === undefined || value === null || value === '' ? [] : [String(value)]
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const pairs = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${pairs.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`
}
