/**
 * What a connection to PostgreSQL is made with.
 * @module
 */
import type { Secret } from '@chaveiro/rotation'

/** A role and its password; more may be on the object, the pool reads these two. */
export interface PgCredential {
  readonly username: string
  readonly password: Secret
}

/** Whether both open the same door. A role that keeps its name and changes its password is another credential. */
export function sameCredential(one: PgCredential, other: PgCredential): boolean {
  return one.username === other.username && one.password.expose() === other.password.expose()
}
