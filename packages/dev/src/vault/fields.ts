/**
 * Fields of request bodies, checked as Vault checks them.
 * @module
 */
import { parseSeconds } from './duration.js'
import { badRequest } from './refusal.js'

type Body = Readonly<Record<string, unknown>>

export function textField(body: Body, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw invalid(name, value)
}

export function flagField(body: Body, name: string): boolean | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'boolean') return value
  if (value === 'true' || value === 'false') return value === 'true'
  throw invalid(name, value)
}

export function numberField(body: Body, name: string): number | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isInteger(number)) return number
  throw invalid(name, value)
}

export function secondsField(body: Body, name: string): number | undefined {
  const value = body[name]
  return value === undefined || value === null ? undefined : parseSeconds(value)
}

/** A list, or a text with commas. */
export function listField(body: Body, name: string): string[] | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value === '' ? [] : value.split(',').map((entry) => entry.trim())
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value
  throw invalid(name, value)
}

/** Statements may hold commas: a text is one of them. */
export function statementsField(body: Body, name: string): string[] | undefined {
  const value = body[name]
  return typeof value === 'string' ? (value === '' ? [] : [value]) : listField(body, name)
}

export function recordField(body: Body, name: string): Readonly<Record<string, unknown>> | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid(name, value)
}

const invalid = (name: string, value: unknown): Error =>
  badRequest(
    `Field validation failed: error converting input for field "${name}": ${typeof value} is not what it takes`,
  )
