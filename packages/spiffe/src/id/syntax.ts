/**
 * The grammar of SPIFFE IDs (SPIFFE-ID.md, section 2), judged code unit by code unit.
 * Nothing is decoded, resolved, lower-cased or otherwise normalised: what is not exactly right is refused,
 * because two readers that repair the same text differently see two identities.
 * @module
 */
import { SpiffeIdError, type SpiffeIdErrorCode } from '../errors.js'

export const scheme = 'spiffe://'
/** SPIFFE-ID.md 2.3: the longest ID that one may build, and every implementation must accept. */
export const longestBuiltId = 2048
/** SPIFFE-ID.md 2.3: the longest trust domain name. */
const longestTrustDomain = 255
/** Longer text is refused unread. The specification sets no bound for reading. */
const longestParsed = 8192

/** The parts of a well-formed ID. `path` is empty or begins with `/`. */
interface IdParts {
  readonly trustDomain: string
  readonly path: string
}

/** @throws {SpiffeIdError} naming the first rule that `text` breaks */
export function splitId(text: unknown): IdParts {
  const id = readable(text)
  checkScheme(id)
  checkNoQueryOrFragment(id)
  const slash = id.indexOf('/', scheme.length)
  const trustDomain = slash < 0 ? id.slice(scheme.length) : id.slice(scheme.length, slash)
  const path = slash < 0 ? '' : id.slice(slash)
  checkTrustDomain(trustDomain)
  checkPath(path)
  return { trustDomain, path }
}

/** A string of a length that is worth reading. */
export function readable(text: unknown): string {
  if (typeof text !== 'string') {
    throw broken('ERR_SPIFFE_ID_NOT_A_STRING', 'ID-2-a', `a SPIFFE ID is a string, got ${kindOf(text)}`)
  }
  if (text.length > longestParsed) {
    throw broken('ERR_SPIFFE_ID_TOO_LONG', 'ID-2.3-b', `longer than ${longestParsed} characters (${text.length})`)
  }
  return text
}

/** ID-2.1-a to -d, ID-2.3-c. */
export function checkTrustDomain(name: string): void {
  if (name === '') throw broken('ERR_SPIFFE_ID_TRUST_DOMAIN_EMPTY', 'ID-2.1-a', 'the trust domain is empty')
  const bad = /[^a-z0-9._-]/u.exec(name)
  if (bad) throw badTrustDomainCharacter(name, bad[0], bad.index)
  if (name.length > longestTrustDomain) {
    throw broken(
      'ERR_SPIFFE_ID_TRUST_DOMAIN_TOO_LONG',
      'ID-2.3-c',
      `the trust domain has ${name.length} bytes, at most ${longestTrustDomain} are allowed`,
    )
  }
}

/** ID-2.2-a to -d. An empty path is well-formed. */
export function checkPath(path: string): void {
  if (path === '') return
  if (!path.startsWith('/')) {
    throw broken('ERR_SPIFFE_ID_PATH_SEGMENT', 'ID-2.2-b', `the path ${show(path)} does not begin with "/"`)
  }
  if (path.endsWith('/')) {
    throw broken('ERR_SPIFFE_ID_TRAILING_SLASH', 'ID-2.2-c', 'the path ends in "/"', 'Remove the last "/".')
  }
  for (const segment of path.slice(1).split('/')) checkSegment(segment)
}

function checkSegment(segment: string): void {
  if (segment === '' || segment === '.' || segment === '..') {
    const what = segment === '' ? 'an empty segment ("//")' : `the segment ${show(segment)}`
    throw broken('ERR_SPIFFE_ID_PATH_SEGMENT', 'ID-2.2-b', `the path has ${what}`)
  }
  const bad = /[^a-zA-Z0-9._-]/u.exec(segment)?.[0]
  if (bad === '%') {
    throw broken('ERR_SPIFFE_ID_PERCENT_ENCODING', 'ID-2.2-a', 'the path holds "%": nothing in it is ever decoded')
  }
  if (bad !== undefined) {
    throw broken(
      'ERR_SPIFFE_ID_PATH_CHARACTER',
      'ID-2.2-d',
      `the path segment ${show(segment)} holds ${show(bad)}`,
      'Use only letters, digits, ".", "-" and "_" between the slashes.',
    )
  }
}

function checkScheme(id: string): void {
  if (id.startsWith(scheme)) return
  const start = id.slice(0, scheme.length)
  if (start.toLowerCase() === scheme) {
    const upper = /[^a-z:/]/.exec(start)?.[0] ?? ''
    throw broken(
      'ERR_SPIFFE_ID_UPPER_CASE',
      'ID-2.4-a',
      `the scheme holds ${show(upper)}, upper case`,
      `Write it in lower case: ${show(scheme + id.slice(scheme.length))}.`,
    )
  }
  throw broken(
    'ERR_SPIFFE_ID_SCHEME',
    'ID-2-a',
    `${show(id)} does not begin with "${scheme}"`,
    'Write the whole ID: spiffe://<trust domain>/<path>.',
  )
}

function checkNoQueryOrFragment(id: string): void {
  const bad = /[?#]/.exec(id)?.[0]
  if (bad === undefined) return
  const what = bad === '?' ? 'a query' : 'a fragment'
  throw broken('ERR_SPIFFE_ID_QUERY_OR_FRAGMENT', 'ID-2-b', `it holds ${what} ("${bad}")`)
}

function badTrustDomainCharacter(name: string, character: string, index: number): SpiffeIdError {
  const where = `the trust domain ${show(name)} holds ${show(character)} at position ${index}`
  if (character === '@' || character === ':') {
    const what = character === '@' ? 'user info' : 'a port'
    return broken('ERR_SPIFFE_ID_AUTHORITY', 'ID-2.1-b', `${where}: ${what} is not allowed, even empty`)
  }
  if (character === '%') {
    return broken('ERR_SPIFFE_ID_PERCENT_ENCODING', 'ID-2.1-c', `${where}: nothing in it is ever decoded`)
  }
  if (/^[A-Z]$/.test(character)) {
    const cure = `Write it in lower case: ${show(name.toLowerCase())}.`
    return broken('ERR_SPIFFE_ID_UPPER_CASE', 'ID-2.1-c', `${where}, upper case`, cure)
  }
  return broken('ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'ID-2.1-c', where)
}

export function broken(
  code: SpiffeIdErrorCode,
  rule: string,
  what: string,
  cure = 'Correct the ID where it is registered or configured; it is never repaired on reading.',
): SpiffeIdError {
  return new SpiffeIdError(code, `not a SPIFFE ID (${rule}): ${what}`, { rule, cure })
}

/** Quoted, cut short, and without characters that could disturb a terminal or a log. */
function show(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}...` : text
  const toEscape = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`
  return JSON.stringify(cut).replace(/[^\x20-\x7e]/gu, toEscape)
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`
}
