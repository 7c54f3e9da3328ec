/**
 * Where a secret value comes from. Never inline: a manifest is committed and read by many.
 * @module
 */
import { z } from 'zod'

/** Name of an environment variable. */
export const variable = z.string().regex(/^[A-Z_][A-Z0-9_]*$/, 'use an environment variable name, such as MONGODB_URI')

const generate = z.strictObject({
  length: z.int().min(16).max(512).describe('Characters.'),
  alphabet: z.enum(['alphanumeric', 'hex', 'base64url']).default('alphanumeric'),
})

export const valueOrigin = z
  .union([
    z.strictObject({ env: variable.describe('Environment variable that holds the value.') }),
    z.strictObject({ file: z.string().min(1).describe('File that holds the value; one trailing newline is dropped.') }),
    z.strictObject({ prompt: z.string().min(1).describe('Asked for on the terminal, without an echo.') }),
    z.strictObject({ generate: generate.describe('Made up when it is first written.') }),
  ])
  .describe('Where the value comes from; it never stands here.')

export type ValueOrigin = z.output<typeof valueOrigin>
