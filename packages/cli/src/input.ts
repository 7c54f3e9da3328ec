/**
 * What a command is given: files, stdin, points in time, `NAME=VALUE` pairs.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { InvalidArgumentError } from 'commander'
import { UsageError } from './exit-code.js'
import type { Terminal } from './terminal.js'

/**
 * Reads a file, or stdin for `-`.
 * @throws {UsageError} when it cannot be read
 */
export async function readInput(terminal: Terminal, file: string): Promise<Buffer> {
  try {
    return file === '-' ? await buffer(terminal.stdin) : await readFile(file)
  } catch (error) {
    throw new UsageError(`${file} cannot be read`, 'Name a file that exists and that you may read, or - for stdin.', {
      cause: error,
    })
  }
}

/**
 * `--at TIME`: Unix seconds or ISO 8601, in milliseconds.
 * @throws {UsageError} when it is neither
 */
export function parseTime(text: string): number {
  const ms = /^\d{1,12}(\.\d+)?$/.test(text) ? Number(text) * 1000 : isoMs(text)
  if (Number.isFinite(ms)) return ms
  throw new UsageError(
    `"${text}" is no point in time`,
    'Write Unix seconds (1764000000) or ISO 8601 (2026-11-23T22:00:00Z).',
  )
}

const isoMs = (text: string): number => (/^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN)

/**
 * `TRUST_DOMAIN=FILE`, taken apart at the first `=`.
 * @throws {UsageError} when a side is missing
 */
export function parsePair(text: string): { name: string; value: string } {
  const split = text.indexOf('=')
  if (split < 1 || split === text.length - 1) {
    throw new UsageError(`"${text}" is not TRUST_DOMAIN=FILE`, 'For instance: --bundle neural-hive.local=bundle.json')
  }
  return { name: text.slice(0, split), value: text.slice(split + 1) }
}

/**
 * A time with its unit, for options: `60s`, `5m`, `1h`, in milliseconds.
 * @throws {InvalidArgumentError} when it is none
 */
export function parseSpanMs(text: string): number {
  const [, amount, unit] = /^(\d{1,6})(s|m|h)$/.exec(text) ?? []
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000 }[unit ?? '']
  if (!unitMs || Number(amount) === 0) throw new InvalidArgumentError('Write a time with its unit: 60s, 5m, 1h.')
  return Number(amount) * unitMs
}
