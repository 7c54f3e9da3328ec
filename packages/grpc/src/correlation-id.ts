/**
 * The id that binds the log lines of one call together, on both sides of it.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Metadata } from '@grpc/grpc-js'

/** gRPC metadata key of the correlation id. */
export const correlationIdKey = 'x-correlation-id'

/** It ends up in logs, and the peer chooses it: a short word of harmless characters, or it is replaced. */
const acceptable = /^[A-Za-z0-9._:-]{1,128}$/

/** Leaves exactly one usable correlation id in `metadata` and returns it: the one it has, or a new one. */
export function ensureCorrelationId(metadata: Metadata): string {
  const values = metadata.get(correlationIdKey)
  const [only] = values
  if (values.length === 1 && typeof only === 'string' && acceptable.test(only)) return only
  const fresh = randomUUID()
  metadata.set(correlationIdKey, fresh)
  return fresh
}
