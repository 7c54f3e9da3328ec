/**
 * Our own X.509-SVID as Node's TLS wants it, built once per SVID.
 * @module
 */
import { createSecureContext, type SecureContext } from 'node:tls'
import type { X509Svid } from '@chaveiro/spiffe'

const contexts = new WeakMap<X509Svid, SecureContext>()

/** The key goes to OpenSSL in memory; nothing is written. Trust is not in the context: see `peer-chain.ts`. */
export function secureContextOf(svid: X509Svid): SecureContext {
  const known = contexts.get(svid)
  if (known) return known
  const context = createSecureContext({
    cert: svid.certificatesPem(),
    key: svid.privateKeyPem().expose(),
    minVersion: 'TLSv1.2',
  })
  contexts.set(svid, context)
  return context
}
