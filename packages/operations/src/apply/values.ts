/**
 * The secret values that a plan needs, gathered before anything is changed.
 * @module
 */
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Secret } from '@chaveiro/rotation'
import type { Variables } from '../derive/variables.js'
import type { LocatedManifest } from '../manifest/read.js'
import type { ValueOrigin } from '../manifest/value-origin.js'
import type { PlanStep } from '../plan/compute-plan.js'
import { PlanError } from '../plan/errors.js'

/** Yields a value that the manifest names by its origin; `generate` is never asked of it. */
export type ResolveValue = (origin: ValueOrigin, signal: AbortSignal | undefined) => Promise<Secret>

/** @param ask - reads a value from a person, without an echo; absent: `prompt` cannot be answered */
export function valuesFrom(env: Variables, ask?: (question: string) => Promise<Secret>): ResolveValue {
  return async (origin) => {
    if ('env' in origin) return new Secret(given(env[origin.env], `${origin.env} is not set`))
    if ('file' in origin) return new Secret(given(await fileText(origin.file), `${origin.file} is empty`))
    if ('prompt' in origin && ask) return ask(origin.prompt)
    throw new Error('there is nobody to ask: run this on a terminal')
  }
}

function given(value: string | undefined, otherwise: string): string {
  if (!value) throw new Error(otherwise)
  return value
}

async function fileText(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    throw new Error(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error })
  }
}

/** Secret fields by the path of the object. */
export type GatheredValues = ReadonlyMap<string, Readonly<Record<string, Secret>>>

/** @throws {PlanError} `ERR_PLAN_INPUT_MISSING` with all that could not be had, each with its line */
export async function gatherValues(
  steps: readonly PlanStep[],
  located: LocatedManifest,
  resolve: ResolveValue,
  signal: AbortSignal | undefined,
): Promise<GatheredValues> {
  const gathered = new Map<string, Record<string, Secret>>()
  const missing: string[] = []
  for (const { object, live, change } of steps) {
    if (!object?.values || change.action === 'delete') continue
    const values: Record<string, Secret> = {}
    for (const [name, origin] of Object.entries(object.values)) {
      if (live && !change.fields.some((field) => field.name === name || field.name === 'username')) continue
      try {
        values[name] = 'generate' in origin ? generate(origin.generate) : await resolve(origin, signal)
      } catch (error) {
        signal?.throwIfAborted()
        const line = located.lineOf([...object.manifestPath, ...(object.kind === 'secret' ? ['keys'] : []), name])
        missing.push(`${located.file}:${line} ${object.path} ${name}: ${(error as Error).message}`)
      }
    }
    gathered.set(object.path, values)
  }
  if (missing.length === 0) return gathered
  throw new PlanError('ERR_PLAN_INPUT_MISSING', missing.join('\n'), {
    cure: 'Give the values where the manifest looks for them and run the command again; nothing was changed.',
  })
}

const alphabets = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  hex: '0123456789abcdef',
  base64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
} as const

function generate({ length, alphabet }: { length: number; alphabet: keyof typeof alphabets }): Secret {
  const letters = alphabets[alphabet]
  return new Secret(Array.from({ length }, () => letters[randomInt(letters.length)]).join(''))
}
