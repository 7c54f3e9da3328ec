/**
 * The events that this package publishes, on `node:diagnostics_channel`. A type is the list of what may be logged.
 * @module
 */
import { channel } from 'node:diagnostics_channel'

/** New connections are made with another credential from now on. */
export const poolSwapped = channel('chaveiro:postgres:pool-swapped')
export interface PoolSwapped {
  readonly database: string | undefined
  /** Counts the pool's credentials, from 1. */
  readonly generation: number
  readonly username: string
  /** Connections made with earlier credentials: idle ones are closed at once, the others when they are released. */
  readonly connectionsToDrain: number
}

/** No connection made with an earlier credential is left. */
export const poolDrained = channel('chaveiro:postgres:pool-drained')
export interface PoolDrained {
  readonly database: string | undefined
  /** The generation that is now alone. */
  readonly generation: number
  /** Seconds from the swap to the end of the last old connection. */
  readonly durationSeconds: number
  /** Sessions in use that were ended rather than waited for. */
  readonly sessionsEnded: number
}

/** The time to drain was over: sessions still in use on an earlier credential are ended. */
export const poolDrainForced = channel('chaveiro:postgres:pool-drain-forced')
export interface PoolDrainForced {
  readonly database: string | undefined
  readonly generation: number
  readonly sessionsEnded: number
}

/** A connection was lost: the server stopped, or ended it (SQLSTATE 57P01). Told once per connection. */
export const connectionLost = channel('chaveiro:postgres:connection-lost')
export interface ConnectionLost {
  readonly database: string | undefined
  /** Whether somebody had checked it out. */
  readonly inUse: boolean
  readonly sqlState: string | undefined
}

/** PostgreSQL refused the credential of a new connection (SQLSTATE 28P01, 28000). */
export const authenticationFailed = channel('chaveiro:postgres:authentication-failed')
export interface AuthenticationFailed {
  readonly database: string | undefined
  readonly username: string
  readonly sqlState: string
}
