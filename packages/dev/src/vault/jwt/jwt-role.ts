/**
 * A role of the JWT auth method, with its fields as the API names them.
 * @see https://developer.hashicorp.com/vault/api-docs/auth/jwt#create-role
 * @module
 */

import { flagField, listField, numberField, recordField, secondsField, textField } from '../fields.js'
import { badRequest } from '../refusal.js'

export interface JwtRole {
  readonly role_type: 'jwt' | 'oidc'
  readonly user_claim: string
  readonly bound_audiences: readonly string[]
  readonly bound_subject: string
  readonly bound_claims: Readonly<Record<string, unknown>> | null
  readonly bound_claims_type: string
  readonly claim_mappings: Readonly<Record<string, string>> | null
  readonly clock_skew_leeway: number
  readonly expiration_leeway: number
  readonly not_before_leeway: number
  readonly token_policies: readonly string[]
  readonly token_ttl: number
  readonly token_max_ttl: number
  readonly token_explicit_max_ttl: number
  readonly token_period: number
  readonly token_num_uses: number
  readonly token_type: string
  readonly token_no_default_policy: boolean
  /** What this server does not know is as if it had never been set. */
  readonly allowed_redirect_uris: null
  readonly groups_claim: ''
  readonly token_bound_cidrs: readonly never[]
  readonly user_claim_json_pointer: false
}

const empty: JwtRole = {
  role_type: 'oidc',
  user_claim: '',
  bound_audiences: [],
  bound_subject: '',
  bound_claims: null,
  bound_claims_type: 'string',
  claim_mappings: null,
  clock_skew_leeway: 0,
  expiration_leeway: 0,
  not_before_leeway: 0,
  token_policies: [],
  token_ttl: 0,
  token_max_ttl: 0,
  token_explicit_max_ttl: 0,
  token_period: 0,
  token_num_uses: 0,
  token_type: 'default',
  token_no_default_policy: false,
  allowed_redirect_uris: null,
  groups_claim: '',
  token_bound_cidrs: [],
  user_claim_json_pointer: false,
}

/** Real fields that narrow a login. To leave one out would admit more than the real server does. */
const notEnforced = ['token_bound_cidrs', 'groups_claim', 'user_claim_json_pointer']

/**
 * What was there, with what the request changes.
 * @throws {Refusal} 400
 */
export function writtenRole(before: JwtRole = empty, body: Readonly<Record<string, unknown>>): JwtRole {
  for (const name of notEnforced) {
    const value = body[name]
    const set = Array.isArray(value) ? value.length > 0 : Boolean(value)
    if (set) throw badRequest(`the embedded server does not enforce ${name}`)
  }
  const role: JwtRole = {
    ...before,
    // Not kept from before: a write that leaves it out asks for the other type.
    role_type: (textField(body, 'role_type') as JwtRole['role_type']) ?? 'oidc',
    user_claim: textField(body, 'user_claim') ?? before.user_claim,
    bound_audiences: listField(body, 'bound_audiences') ?? before.bound_audiences,
    bound_subject: textField(body, 'bound_subject') ?? before.bound_subject,
    bound_claims: recordField(body, 'bound_claims') ?? before.bound_claims,
    bound_claims_type: textField(body, 'bound_claims_type') ?? before.bound_claims_type,
    claim_mappings: (recordField(body, 'claim_mappings') as Record<string, string>) ?? before.claim_mappings,
    clock_skew_leeway: leewayField(body, 'clock_skew_leeway') ?? before.clock_skew_leeway,
    expiration_leeway: leewayField(body, 'expiration_leeway') ?? before.expiration_leeway,
    not_before_leeway: leewayField(body, 'not_before_leeway') ?? before.not_before_leeway,
    token_policies: listField(body, 'token_policies') ?? before.token_policies,
    token_ttl: secondsField(body, 'token_ttl') ?? before.token_ttl,
    token_max_ttl: secondsField(body, 'token_max_ttl') ?? before.token_max_ttl,
    token_explicit_max_ttl: secondsField(body, 'token_explicit_max_ttl') ?? before.token_explicit_max_ttl,
    token_period: secondsField(body, 'token_period') ?? before.token_period,
    token_num_uses: numberField(body, 'token_num_uses') ?? before.token_num_uses,
    token_type: textField(body, 'token_type') ?? before.token_type,
    token_no_default_policy: flagField(body, 'token_no_default_policy') ?? before.token_no_default_policy,
  }
  refuseContradictions(role)
  return role
}

/** Seconds; -1 stands for none. */
const leewayField = (body: Readonly<Record<string, unknown>>, name: string): number | undefined =>
  Number(body[name]) < 0 ? -1 : secondsField(body, name)

function refuseContradictions(role: JwtRole): void {
  if (role.token_max_ttl > 0 && role.token_ttl > role.token_max_ttl) {
    throw badRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
  }
  if (!role.user_claim) throw badRequest('a user claim must be defined on the role')
  if (role.role_type !== 'jwt') {
    throw badRequest("'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.")
  }
  if (role.bound_claims_type !== 'string' && role.bound_claims_type !== 'glob') {
    throw badRequest(`invalid 'bound_claims_type': ${role.bound_claims_type}`)
  }
  const bound = role.bound_audiences.length > 0 || role.bound_subject || Object.keys(role.bound_claims ?? {}).length > 0
  if (!bound) throw badRequest('must have at least one bound constraint when creating/updating a role')
}
