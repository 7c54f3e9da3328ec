export { type Caller, type CallWithMetadata, callerOf, peerOf } from './caller.js'
export {
  type ConnectionEnding,
  connectionEnding,
  type JwtSvidAttached,
  type JwtSvidAttachFailed,
  type JwtSvidRejected,
  type JwtSvidValidated,
  jwtSvidAttached,
  jwtSvidAttachFailed,
  jwtSvidRejected,
  jwtSvidValidated,
  type PeerRefused,
  peerRefused,
  type UnsafeFallbackAdmitted,
  unsafeFallbackAdmitted,
} from './channels.js'
export { GrpcAuthError, type GrpcAuthErrorCode } from './errors.js'
export { type JwtSvidClientOptions, jwtSvidClientInterceptor } from './jwt-svid-client.js'
export { jwtSvidClientOptions } from './jwt-svid-client-options.js'
export { type JwtSvidServerOptions, jwtSvidServerInterceptor, type UnsafeStaticFallback } from './jwt-svid-server.js'
export type { CallerRule, MethodPolicy } from './method-policy.js'
export { spiffeChannelCredentials } from './mtls/channel-credentials.js'
export { spiffeServerCredentials } from './mtls/server-credentials.js'
export type { SpiffeTransportOptions } from './mtls/transport-options.js'
export type { RefusalReason } from './refusal.js'
