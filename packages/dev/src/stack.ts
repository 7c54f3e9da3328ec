/**
 * What both stacks offer, so that whoever uses one need not know whether it is the embedded or the real one.
 * @module
 */
import type { Secret } from '@chaveiro/rotation'
import type { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import type { PostgresServer } from './postgres/server.js'

/** A server that runs: its product, and its version as it says itself. */
export interface ServerVersion {
  readonly name: string
  readonly version: string
}

/** How a process must be started to be the workload that it was admitted as. */
export interface Admission {
  /** `SPIFFE_ENDPOINT_SOCKET`. */
  readonly env: Readonly<Record<string, string>>
  /** The node binary to run. */
  readonly execPath: string
  readonly uid?: number
  readonly gid?: number
}

/** Short lives, so that a person can watch them end. */
export interface StackTtls {
  readonly x509SvidSeconds: number
  readonly jwtSvidSeconds: number
}

export interface StackOptions {
  readonly trustDomain: TrustDomain
  readonly ttls: StackTtls
  /** Told one line for each choice made: ports, folders, how identities are told apart. */
  readonly note?: (line: string) => void
}

/** Vault, a source of identities, and PostgreSQL, on loopback until closed. Nothing is configured in them yet. */
export interface Stack extends AsyncDisposable {
  readonly kind: 'embedded' | 'real'
  readonly servers: readonly ServerVersion[]
  readonly trustDomain: TrustDomain
  /** Private to this stack; removed at close. */
  readonly folder: string
  readonly vault: { readonly address: string; readonly rootToken: Secret }
  /** Where Vault finds the keys that JWT-SVIDs are signed with. */
  readonly jwksUrl: string
  readonly database: Pick<PostgresServer, 'host' | 'port' | 'superuser' | 'query'>
  /** Variables for a shell that is to work with this stack, beyond the usual ones. */
  readonly env: Readonly<Record<string, string>>
  /** Variables with which `chaveiro apply` makes entries that fit the processes of these services on this machine. */
  entryVariables(names: readonly string[]): Promise<Readonly<Record<string, string>>>
  /** Gives a workload its identity. */
  admit(name: string, id: SpiffeId): Promise<Admission>
  close(): Promise<void>
}
