/**
 * A request as the backends see it, and what they answer: between HTTP and the API.
 * @module
 */
import type { TokenEntry } from './token/token-store.js'

export type Operation = 'read' | 'list' | 'create' | 'update' | 'patch' | 'delete'

export interface LogicalRequest {
  readonly operation: Operation
  /** Below the mount. */
  readonly path: string
  /** Mount and path. */
  readonly fullPath: string
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
  /** Absent only where no token is needed. */
  readonly token: TokenEntry | undefined
}

/** Answered with the envelope, unless `bare` says otherwise. */
export interface Reply {
  readonly data?: unknown
  readonly auth?: unknown
  readonly lease?: { readonly id: string; readonly ttlSeconds: number; readonly renewable: boolean }
  readonly warnings?: readonly string[]
  /** The whole body, without an envelope. */
  readonly bare?: unknown
  /** `data` is repeated beside the envelope's fields, as `sys` does. */
  readonly flat?: boolean
  readonly status?: number
}

/** 204. */
export const nothing: Reply = {}

/** An answer that is an error: `errors` are Vault's own texts, since clients read them. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly errors: readonly string[],
    readonly reply?: Reply,
  ) {
    super(errors.join('; '))
  }
}

/** What a backend answers to bad input. */
export const badRequest = (text: string): Refusal => new Refusal(400, [text])
/** Nothing there. */
export const notFound = (): Refusal => new Refusal(404, [])
/** Vault lists an error that a backend returned rather than answered. */
export const listed = (status: number, ...texts: string[]): Refusal => {
  const heading = `${texts.length} error${texts.length === 1 ? '' : 's'} occurred:`
  return new Refusal(status, [`${heading}\n${texts.map((text) => `\t* ${text}\n`).join('')}\n`])
}
export const denied = (): Refusal => listed(403, 'permission denied')
export const unsupportedPath = (): Refusal => listed(404, 'unsupported path')
export const unsupportedOperation = (): Refusal => listed(405, 'unsupported operation')

/** One thing that is mounted. */
export interface Backend {
  readonly type: string
  /** Paths below the mount that need no token. */
  readonly unauthenticated?: readonly string[]
  /** Paths below the mount that need `sudo`; a final `*` stands for anything. */
  readonly sudo?: readonly string[]
  /** Whether a write to this path would change something that exists; absent: every write is an update. */
  exists?(path: string): boolean
  handle(request: LogicalRequest): Reply | Promise<Reply>
  close?(): Promise<void>
}
