/**
 * Durations as people write them in a configuration: `30s`, `5m`, `1h30m`. Parsed here and nowhere else.
 * @module
 */

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const whole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g

/** @returns milliseconds, or `undefined` when the text is not a duration with a unit */
export function parseDuration(text: string): number | undefined {
  if (!whole.test(text)) return undefined
  let totalMs = 0
  for (const [, amount, unit] of text.matchAll(part)) totalMs += Number(amount) * (unitMs[unit ?? ''] ?? Number.NaN)
  return Number.isFinite(totalMs) ? totalMs : undefined
}
