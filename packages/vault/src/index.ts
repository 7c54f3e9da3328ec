export { type JwtLoginOptions, jwtLogin } from './auth/jwt.js'
export {
  type LoginFailed,
  type LoginSucceeded,
  loginFailed,
  loginSucceeded,
  type ReplyLost,
  replyLost,
  type VaultOperation,
  type VaultRequestEnded,
  type VaultRequestStatus,
  type VaultState,
  type VaultStateSeen,
  vaultRequest,
  vaultStateSeen,
} from './channels.js'
export { classifyVaultError } from './classify.js'
export { VaultClient, type VaultClientOptions, type WithTokenOptions } from './client.js'
export type {
  Database,
  DatabaseConnectionConfig,
  DatabaseCredential,
  DatabaseRole,
  LeasedDatabaseCredential,
  StaticDatabaseCredential,
} from './database.js'
export {
  BackendUnavailableError,
  CasMismatchError,
  InvalidRequestError,
  LeaseNotFoundError,
  LoginFailedError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitedError,
  SealedError,
  SecretDeletedError,
  StandbyError,
  UninitializedError,
  VaultError,
  type VaultErrorCode,
  type VaultErrorDetails,
  VaultUnreachableError,
} from './errors.js'
export type { VaultAuth, VaultToken } from './granted-token.js'
export type { KvMetadata, KvSecret, KvV2, KvVersion, KvWriteOptions } from './kv.js'
export type { LeaseInfo, LeaseRenewal, Leases } from './leases.js'
export type { Login } from './login.js'
export type { AuthBody, CallOptions, VaultMethod, VaultRequest, VaultResponse } from './request.js'
export type { TokenProvider } from './requester.js'
export { type LeaseOptions, VaultSession, type VaultSessionOptions } from './session.js'
export type { Health, NodeRole } from './sys/health.js'
export type { Mount, MountRequest, Mounts, MountTuning } from './sys/mounts.js'
export type { Policies } from './sys/policies.js'
export type { Initialization, Leader, SealStatus, Sys } from './sys.js'
export type { TokenApi, TokenInfo, TokenRequest } from './token.js'
export { TokenSource } from './token-source.js'
export type { ClientCertificate, HttpExchange, HttpRequest, HttpResponse } from './transport.js'
