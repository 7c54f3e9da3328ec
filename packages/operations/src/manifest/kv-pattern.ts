/**
 * Path patterns: a last `*` stands for everything that begins so, as in Vault's policies.
 * @module
 */

/** Whether everything that `path` stands for is also meant by `pattern`. */
export function covers(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
}

/** Whether some path is meant by both. */
export function overlap(left: string, right: string): boolean {
  return covers(left, right) || covers(right, left)
}
