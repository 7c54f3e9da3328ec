/**
 * The configuration of a service as the rest of this package receives it: whole, checked, with nothing left to parse.
 * @module
 */
import type { Secret } from '@chaveiro/rotation'
import type { ListenAddress } from './value-kinds.js'

export interface VaultConfiguration {
  readonly address: string
  readonly namespace: string | undefined
  /** CA certificates, PEM. */
  readonly ca: string | undefined
  readonly timeoutMs: number
  readonly role: string
  /** Audience of the JWT-SVID that logs in; undefined when {@link jwtFile} is used. */
  readonly audience: string | undefined
  /** File with the JWT that logs in, read anew at each login; undefined with SPIFFE. */
  readonly jwtFile: string | undefined
  readonly kvMount: string
  readonly databaseMount: string
  readonly jwtMount: string
}

export interface SpiffeConfiguration {
  readonly endpoint: string
  readonly audience: string | undefined
}

export interface DatabaseConfiguration {
  readonly host: string
  readonly port: number
  readonly name: string
  /** Role of Vault's database engine; undefined when Vault is off. */
  readonly role: string | undefined
  /** `false`: in the clear. */
  readonly tls: false | { readonly ca: string | undefined }
  readonly poolSize: number
}

export interface StaticConfiguration {
  /** Stands in for the leased credential when Vault is off. */
  readonly database: { readonly username: string; readonly password: Secret } | undefined
  readonly secretsFolder: string | undefined
  /** Variables that stand in for KV secrets, without the prefix. */
  readonly secrets: ReadonlyMap<string, Secret>
  readonly peerToken: Secret | undefined
}

export interface Configuration {
  readonly serviceName: string
  /** Undefined: switched off. */
  readonly vault: VaultConfiguration | undefined
  /** Undefined: switched off. */
  readonly spiffe: SpiffeConfiguration | undefined
  /** Undefined: this service uses no database. */
  readonly database: DatabaseConfiguration | undefined
  readonly static: StaticConfiguration
  /** Undefined: switched off. */
  readonly admin: (ListenAddress & { readonly hosts: readonly string[] }) | undefined
  readonly rotation: {
    readonly renewFrom: number
    readonly renewTo: number
    readonly renewBefore: number
    readonly drainTimeoutMs: number
  }
  readonly startTimeoutMs: number
  readonly shutdownTimeoutMs: number
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
}
