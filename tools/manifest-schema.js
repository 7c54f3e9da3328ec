/**
 * Writes `docs/manifest.schema.json` from the schema in `packages/operations`: `npx tsc -b && node
 * tools/manifest-schema.js`. A test says when it is out of date.
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestJsonSchema } from '@chaveiro/operations'

const file = join(import.meta.dirname, '..', 'docs', 'manifest.schema.json')
writeFileSync(file, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`)
