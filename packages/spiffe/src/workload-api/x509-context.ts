/**
 * All that one message of the X.509 profile brings: SVIDs, bundles, revocation lists.
 * @see SPIFFE_Workload_API.md, sections 4.4, 4.5 and 5.2
 * @module
 */
import { X509Svid } from '../svid/x509-svid.js'
import { badMessage } from './errors.js'
import { distinctHints } from './hints.js'
import type { X509BundlesResponse, X509SVID, X509SVIDResponse } from './proto/workload_pb.js'
import { X509TrustBundles } from './trust-bundles.js'

/** Trust bundles of the X.509 profile, and the revocation lists that came with them. */
export interface X509Bundles {
  readonly bundles: X509TrustBundles
  /** Certificate revocation lists, ASN.1 DER. */
  readonly revocationLists: readonly Uint8Array[]
}

/** One snapshot: it replaces everything that came before it. */
export interface X509Context extends X509Bundles {
  /** One or more; the first is the default identity. */
  readonly svids: readonly [X509Svid, ...X509Svid[]]
}

/** @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_MESSAGE` */
export function readX509Context({ svids, federatedBundles, crl }: X509SVIDResponse): X509Context {
  const all = svids.map(readSvid)
  const own = Object.fromEntries(all.map(({ id }, index) => [id.trustDomain.id, svids[index]?.bundle as Uint8Array]))
  const [first, ...rest] = distinctHints(all, 'x509')
  if (!first) throw badMessage('svids', 'is empty')
  const bundles = X509TrustBundles.read({ federated_bundles: federatedBundles, 'svids.bundle': own })
  return { svids: [first, ...rest], bundles, revocationLists: crl }
}

/** @throws {WorkloadApiError} `ERR_WORKLOAD_API_BAD_MESSAGE` */
export function readX509Bundles({ bundles, crl }: X509BundlesResponse): X509Bundles {
  if (Object.keys(bundles).length === 0) throw badMessage('bundles', 'is empty')
  return { bundles: X509TrustBundles.read({ bundles }), revocationLists: crl }
}

function readSvid({ spiffeId, x509Svid, x509SvidKey, bundle, hint }: X509SVID, index: number): X509Svid {
  const mandatory = { spiffe_id: spiffeId, x509_svid: x509Svid, x509_svid_key: x509SvidKey, bundle }
  for (const [field, value] of Object.entries(mandatory)) {
    if (value.length === 0) throw badMessage(`svids[${index}].${field}`, 'is empty')
  }
  let svid: X509Svid
  try {
    svid = X509Svid.fromDer(x509Svid, x509SvidKey, hint === '' ? {} : { hint })
  } catch (cause) {
    throw badMessage(`svids[${index}].x509_svid`, 'is not a valid X.509-SVID with its key', cause)
  }
  if (svid.id.toString() !== spiffeId) throw badMessage(`svids[${index}].spiffe_id`, 'is not the ID in the certificate')
  return svid
}
