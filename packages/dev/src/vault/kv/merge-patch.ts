/**
 * JSON Merge Patch: what is null is removed, objects are merged, everything else is replaced.
 * @see RFC 7396
 * @module
 */

type Members = Readonly<Record<string, unknown>>

export function mergePatch(target: Members, patch: Members): Members {
  const merged: Record<string, unknown> = { ...target }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else if (isObject(value)) merged[key] = mergePatch(isObject(merged[key]) ? merged[key] : {}, value)
    else merged[key] = value
  }
  return merged
}

/** The names without the values. @param depth - of objects that are opened; 0: all */
export function subkeysOf(data: Members, depth: number): Members {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => {
      const opens = isObject(value) && Object.keys(value).length > 0 && depth !== 1
      return [key, opens ? subkeysOf(value, Math.max(0, depth - 1)) : null]
    }),
  )
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
