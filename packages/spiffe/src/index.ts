// SPIFFE IDs

// Trust bundles
export { type BundleMap, parseBundleMap } from './bundle/bundle-map.js'
export { BundleSet, type SharedAuthority } from './bundle/bundle-set.js'
export type { JwtAuthority } from './bundle/jwk.js'
export type { JwsAlgorithm } from './bundle/jws-algorithm.js'
export { JwtBundle, type JwtBundleSource } from './bundle/jwt-bundle.js'
export { type ParsedBundle, parseBundle } from './bundle/parse-bundle.js'
export { SpiffeBundle, type SpiffeBundleParts } from './bundle/spiffe-bundle.js'
export { X509Bundle, type X509BundleSource } from './bundle/x509-bundle.js'
// Workload API: exports of src/workload-api stand below this line
export {
  type HintDuplicated,
  hintDuplicated,
  type IdentityAmbiguous,
  identityAmbiguous,
  type ProfileUnavailable,
  profileUnavailable,
  type SvidFetch,
  type SvidFetchFailed,
  type SvidIrregular,
  type SvidRedacted,
  type SvidType,
  type SvidUpdated,
  svidFetch,
  svidFetchFailed,
  svidIrregular,
  svidRedacted,
  svidUpdated,
  type TrustBundleUpdated,
  type TrustBundleUpdateFailed,
  trustBundleUpdated,
  trustBundleUpdateFailed,
} from './channels.js'
// Errors
export {
  BundleError,
  type BundleErrorCode,
  SpiffeIdError,
  type SpiffeIdErrorCode,
  SvidError,
  type SvidErrorCode,
  svidErrorCodes,
} from './errors.js'
export { type Authorizer, allOf, anyOf, authorizeId, authorizePrefix, authorizeTrustDomain } from './id/authorizer.js'
export { SpiffeId } from './id/spiffe-id.js'
export { TrustDomain } from './id/trust-domain.js'
// SVIDs
export { bearerOf, tokenOfBearer } from './svid/bearer.js'
export { unverifiedX509SvidId } from './svid/inspect-x509-svid.js'
export { JwtSvid, type JwtSvidSource, type ParseJwtSvidOptions } from './svid/jwt-svid.js'
export { type VerifyJwtSvidOptions, verifyJwtSvid } from './svid/verify-jwt-svid.js'
export { type VerifiedX509Svid, type VerifyX509SvidOptions, verifyX509Svid } from './svid/verify-x509-svid.js'
export { pemCertificates, X509Svid, type X509SvidOptions, type X509SvidSource } from './svid/x509-svid.js'
// mutual TLS
export { type ConnectTlsOptions, connectTls, type VerifiedConnection } from './tls/connect.js'
export { type TlsClientOptions, type TlsIdentity, tlsClientOptions, tlsServerOptions } from './tls/options.js'
export { type PeerRules, peerSvid, verifyPeer } from './tls/peer.js'
export { createTlsServer } from './tls/server.js'
export { type CallOptions, WorkloadApiClient, type WorkloadApiClientOptions } from './workload-api/client.js'
export { WorkloadApiError, type WorkloadApiErrorCode } from './workload-api/errors.js'
export { type FetchJwtSvidOptions, JwtSource, type JwtSourceOptions } from './workload-api/jwt-source.js'
export type { JwtSvidRequest } from './workload-api/jwt-svids.js'
export { pickByHint, pickById, type X509Picker } from './workload-api/picker.js'
export type { JwtTrustBundles, X509TrustBundles } from './workload-api/trust-bundles.js'
export type { AfterFailure, Watch, WatchListener } from './workload-api/watch.js'
export type { X509Bundles, X509Context } from './workload-api/x509-context.js'
export {
  type X509Snapshot,
  X509Source,
  type X509SourceOptions,
  type X509SourceState,
} from './workload-api/x509-source.js'
