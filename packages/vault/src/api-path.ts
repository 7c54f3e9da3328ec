/**
 * API paths: from text to what is sent.
 * @module
 */
import type { VaultRequest } from './request.js'

/**
 * The request target below the server's address, each segment escaped.
 * @returns undefined for a path that a server or a proxy would read as another one
 */
export function requestTarget({ path, query = {}, method }: VaultRequest): string | undefined {
  const segments = path.split('/')
  const last = segments.length - 1
  // A list may end in a slash. `//` and `..` would be resolved on the way, to a path that was not meant.
  const sound = segments.every((segment, index) => {
    if (segment === '') return method === 'LIST' && index === last && index > 0
    return segment !== '.' && segment !== '..'
  })
  if (!sound) return undefined
  const pairs: [string, string][] = Object.entries(query).map(([key, value]) => [key, String(value)])
  if (method === 'LIST') pairs.push(['list', 'true'])
  const search = pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`
  return `/v1/${segments.map(encodeURIComponent).join('/')}${search}`
}
