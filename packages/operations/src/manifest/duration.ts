/**
 * Durations as people write them. Only configuration files have such texts; everything else counts in seconds.
 * @module
 */
import { z } from 'zod'

const secondsPerUnit = { s: 1, m: 60, h: 3600, d: 86_400 } as const
type Unit = keyof typeof secondsPerUnit

/** `30s`, `5m`, `1h`, `7d`, read into seconds. */
export const durationSeconds = z
  .string()
  .regex(/^[1-9]\d{0,8}[smhd]$/, 'write a duration as a whole number and a unit: 30s, 5m, 1h or 7d')
  .transform((text) => Number(text.slice(0, -1)) * secondsPerUnit[text.slice(-1) as Unit])
