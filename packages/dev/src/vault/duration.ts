/**
 * Durations as Vault's API reads and writes them.
 * @module
 */
import { badRequest } from './refusal.js'

const unitSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }

/**
 * Seconds from a number of seconds, or a text such as `90`, `30s` or `1h30m`.
 * @throws {Refusal} 400
 */
export function parseSeconds(value: unknown): number {
  if (typeof value === 'number' && value >= 0) return Math.floor(value)
  if (typeof value !== 'string') throw badRequest(`error parsing duration: ${JSON.stringify(value)}`)
  if (value === '') return 0
  if (/^\d+$/.test(value)) return Number(value)
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)([a-zµ]+)/gi)]
  if (parts.map(([whole]) => whole).join('') !== value)
    throw badRequest(`time: invalid duration ${JSON.stringify(value)}`)
  return Math.floor(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * secondsOf(unit ?? '', value), 0))
}

function secondsOf(unit: string, value: string): number {
  const seconds = unitSeconds[unit]
  if (seconds === undefined) throw badRequest(`time: unknown unit "${unit}" in duration ${JSON.stringify(value)}`)
  return seconds
}

/** For instance `1m40s`, `768h`. */
export function formatSeconds(seconds: number): string {
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = Math.floor(seconds % 60)
  const parts = [hours && `${hours}h`, minutes && `${minutes}m`, rest && `${rest}s`].filter(Boolean)
  return parts.join('') || '0s'
}
