/**
 * The manifest as a JSON Schema, for editors.
 * @module
 */
import { z } from 'zod'
import { manifestSchema } from './schema.js'

/** What a manifest may hold as it is written; the rules across keys are checked only by the command. */
export function manifestJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(manifestSchema, { io: 'input' })
  return { $schema, title: 'chaveiro.yaml', ...rest }
}
