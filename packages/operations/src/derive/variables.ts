/**
 * `${NAME}` and `${NAME:-default}` in what a manifest says of addresses, which differ between machines.
 * @module
 */

/** Environment variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>

/** @returns the text with its variables put in, or the names of those that are not set */
export function expandVariables(text: string, env: Variables): { readonly text: string; readonly unset: string[] } {
  const unset: string[] = []
  const expanded = text.replace(
    /\$\{([A-Z_][A-Z0-9_]*)(?::-([^}]*))?\}/g,
    (_whole, name: string, fallback?: string) => {
      const value = env[name] || fallback
      if (value === undefined) unset.push(name)
      return value ?? ''
    },
  )
  return { text: expanded, unset }
}
