/**
 * What a backend answers.
 * @module
 */

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
