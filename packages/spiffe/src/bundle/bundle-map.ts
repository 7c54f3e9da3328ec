/**
 * Several SPIFFE bundles in one document (SPIFFE_Trust_Domain_and_Bundle.md, section 5.1.1), loaded whole or
 * not at all (BND-B).
 * @module
 */
import { SpiffeIdError } from '../errors.js'
import { TrustDomain } from '../id/trust-domain.js'
import { badBundle, readJsonObject } from './jwks.js'
import { SpiffeBundle } from './spiffe-bundle.js'
import { isJsonObject, type JsonObject } from './strict-json.js'

/** The bundles of a map, by trust domain name. */
export interface BundleMap {
  readonly bundles: ReadonlyMap<string, SpiffeBundle>
  /** How often to look for a new map, in seconds. Hints inside the bundles never change it. */
  readonly refreshHintSeconds: number | undefined
}

/** @throws {BundleError} when the document, or any one bundle in it, is malformed, or a trust domain occurs twice */
export function parseBundleMap(json: string | Uint8Array): BundleMap {
  const document = readJsonObject(json, 'the bundle map')
  const entries = Object.hasOwn(document, 'trust_domains') ? document.trust_domains : undefined
  if (!isJsonObject(entries)) {
    throw badBundle('ERR_BUNDLE_PARAMETER', 'BND-5.1.1-a', 'the bundle map has no object "trust_domains"')
  }
  const bundles = new Map(Object.entries(entries).map(([name, entry]) => [name, bundleOf(name, entry)]))
  return { bundles, refreshHintSeconds: refreshHint(document) }
}

function bundleOf(name: string, entry: unknown): SpiffeBundle {
  if (!isJsonObject(entry)) {
    throw badBundle('ERR_BUNDLE_PARAMETER', 'BND-B', 'a bundle in the bundle map is no JSON object')
  }
  return SpiffeBundle.fromJson(trustDomainOf(name), entry)
}

function trustDomainOf(name: string): TrustDomain {
  try {
    // A key is the bare name, not an ID (section 5.1.1).
    if (name.includes('/')) throw badBundle('ERR_BUNDLE_PARAMETER', 'BND-5.1.1-a', 'a key is no trust domain name')
    return TrustDomain.parse(name)
  } catch (cause) {
    if (!(cause instanceof SpiffeIdError)) throw cause
    throw badBundle('ERR_BUNDLE_PARAMETER', 'BND-5.1.1-a', 'a key of the bundle map is no trust domain name', cause)
  }
}

function refreshHint({ spiffe_refresh_hint: value }: JsonObject): number | undefined {
  if (value === undefined || value === null) return undefined
  if (!Number.isSafeInteger(value)) {
    throw badBundle('ERR_BUNDLE_PARAMETER', 'BND-4.1.2-a', 'spiffe_refresh_hint in the bundle map is no integer')
  }
  return (value as number) > 0 ? (value as number) : undefined
}
