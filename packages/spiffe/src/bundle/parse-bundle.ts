/**
 * A bundle in any of the forms that people keep in files, told apart by content.
 * @module
 */
import type { TrustDomain } from '../id/trust-domain.js'
import { readJwks } from './jwks.js'
import { JwtBundle } from './jwt-bundle.js'
import { SpiffeBundle } from './spiffe-bundle.js'
import { X509Bundle } from './x509-bundle.js'

/** What a document holds; the kinds that it does not hold are empty, and an empty bundle trusts nothing. */
export interface ParsedBundle {
  readonly x509: X509Bundle
  readonly jwt: JwtBundle
}

/**
 * Reads CA certificates (PEM), a SPIFFE bundle, or a plain JWK set. JSON is a SPIFFE bundle when it bears a
 * `spiffe_…` parameter or an entry with a SPIFFE `use`; the keys of a plain JWK set are taken for JWTs.
 * @throws {BundleError} when it is none of these
 */
export function parseBundle(trustDomain: TrustDomain, text: string): ParsedBundle {
  if (!/^\s*\{/.test(text) && text.includes('-----BEGIN')) {
    return { x509: X509Bundle.fromPem(trustDomain, text), jwt: JwtBundle.fromEntries(trustDomain, []) }
  }
  if (isSpiffeBundle(trustDomain, text)) {
    const { x509, jwt } = SpiffeBundle.parse(trustDomain, text)
    return { x509, jwt }
  }
  return { x509: X509Bundle.of(trustDomain, []), jwt: JwtBundle.fromJwks(trustDomain, text) }
}

const spiffeUses: readonly unknown[] = ['x509-svid', 'jwt-svid', 'wit-svid']

function isSpiffeBundle(trustDomain: TrustDomain, text: string): boolean {
  const { document, keys } = readJwks(trustDomain, text)
  return (
    Object.keys(document).some((name) => name.startsWith('spiffe_')) || keys.some(({ use }) => spiffeUses.includes(use))
  )
}
