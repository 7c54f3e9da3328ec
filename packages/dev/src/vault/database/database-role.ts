/**
 * A role of the database engine, with its fields as the API names them.
 * @module
 */

import { secondsField, statementsField, textField } from '../fields.js'
import { badRequest } from '../refusal.js'

export interface DatabaseRole {
  readonly db_name: string
  readonly creation_statements: readonly string[]
  readonly revocation_statements: readonly string[]
  readonly renew_statements: readonly string[]
  readonly rollback_statements: readonly string[]
  readonly credential_type: 'password'
  readonly default_ttl: number
  readonly max_ttl: number
}

const empty: DatabaseRole = {
  db_name: '',
  creation_statements: [],
  revocation_statements: [],
  renew_statements: [],
  rollback_statements: [],
  credential_type: 'password',
  default_ttl: 0,
  max_ttl: 0,
}

/**
 * What was there, with what the request changes.
 * @throws {Refusal} 400
 */
export function writtenRole(before: DatabaseRole = empty, body: Readonly<Record<string, unknown>>): DatabaseRole {
  const type = textField(body, 'credential_type') ?? 'password'
  if (type !== 'password') throw badRequest(`the embedded server makes passwords, not ${type}`)
  const role: DatabaseRole = {
    db_name: textField(body, 'db_name') ?? before.db_name,
    creation_statements: statementsField(body, 'creation_statements') ?? before.creation_statements,
    revocation_statements: statementsField(body, 'revocation_statements') ?? before.revocation_statements,
    renew_statements: statementsField(body, 'renew_statements') ?? before.renew_statements,
    rollback_statements: statementsField(body, 'rollback_statements') ?? before.rollback_statements,
    credential_type: 'password',
    default_ttl: secondsField(body, 'default_ttl') ?? before.default_ttl,
    max_ttl: secondsField(body, 'max_ttl') ?? before.max_ttl,
  }
  if (!role.db_name) throw badRequest('database name is required')
  return role
}
