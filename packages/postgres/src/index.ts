export {
  type AuthenticationFailed,
  authenticationFailed,
  type ConnectionLost,
  connectionLost,
  type PoolDrained,
  type PoolDrainForced,
  type PoolSwapped,
  poolDrained,
  poolDrainForced,
  poolSwapped,
} from './channels.js'
export type { PgCredential } from './credential.js'
export { PostgresError, type PostgresErrorCode } from './errors.js'
export { RotatingPool, type RotatingPoolOptions } from './rotating-pool.js'
