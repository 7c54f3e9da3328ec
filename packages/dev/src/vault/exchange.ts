/**
 * A request as the backends see it, and who answers it.
 * @module
 */
import type { Reply } from './reply.js'
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
