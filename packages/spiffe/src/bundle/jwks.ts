/**
 * The JSON document around the keys: a JWK set with `keys`, strictly read.
 * @module
 */
import { BundleError, type BundleErrorCode } from '../errors.js'
import type { TrustDomain } from '../id/trust-domain.js'
import { DuplicateNameError, isJsonObject, type JsonObject, parseStrictJson } from './strict-json.js'

/** Larger documents are refused unread: 4 MiB. */
const longestDocument = 4 * 1024 * 1024

export interface JwksDocument {
  readonly document: JsonObject
  /** Entries that are objects. */
  readonly keys: readonly JsonObject[]
  /** Entries that are none. */
  readonly strangeEntries: number
}

/** @throws {BundleError} when the text is no JSON object with an array `keys` (BND-4.1.3-a) */
export function readJwks(trustDomain: TrustDomain, json: string | Uint8Array): JwksDocument {
  return jwksOf(trustDomain, readJsonObject(json, `the bundle of ${trustDomain}`))
}

/** @throws {BundleError} without an array `keys` */
export function jwksOf(trustDomain: TrustDomain, document: JsonObject): JwksDocument {
  const entries = Object.hasOwn(document, 'keys') ? document.keys : undefined
  if (!Array.isArray(entries)) {
    throw badBundle('ERR_BUNDLE_PARAMETER', 'BND-4.1.3-a', `the bundle of ${trustDomain} has no array "keys"`)
  }
  const keys = entries.filter(isJsonObject)
  return { document, keys, strangeEntries: entries.length - keys.length }
}

/** @throws {BundleError} */
export function readJsonObject(json: string | Uint8Array, what: string): JsonObject {
  if (json.length > longestDocument) {
    throw badBundle('ERR_BUNDLE_TOO_LARGE', 'BND-4.1.3-a', `${what} is larger than ${longestDocument} bytes`)
  }
  let value: unknown
  try {
    const text = typeof json === 'string' ? json : new TextDecoder('utf-8', { fatal: true }).decode(json)
    value = parseStrictJson(text, { exactIntegers: true })
  } catch (cause) {
    if (cause instanceof DuplicateNameError) {
      throw badBundle('ERR_BUNDLE_DUPLICATE_NAME', 'BND-5.1.1-a', `${what} repeats a name in one object`, cause)
    }
    throw badBundle('ERR_BUNDLE_MALFORMED', 'BND-4.1.3-a', `${what} is not JSON`, cause)
  }
  if (!isJsonObject(value)) throw badBundle('ERR_BUNDLE_MALFORMED', 'BND-4.1.3-a', `${what} is no JSON object`)
  return value
}

export function badBundle(code: BundleErrorCode, rule: string, message: string, cause?: unknown): BundleError {
  const cure = 'Keep the last good bundle in use, and fetch this one again from whoever publishes it.'
  return new BundleError(code, `${message} (${rule})`, { rule, cure, cause })
}
