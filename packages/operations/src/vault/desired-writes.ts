/**
 * What Vault must hold for a manifest: one object per path, pure data.
 * @module
 */

import { policyName, policyText } from '../derive/policy.js'
import type { Manifest } from '../manifest/schema.js'

/** One write to Vault's API. Bodies hold no secret: those are put in where it is written. */
export interface DesiredObject {
  readonly kind: 'policy' | 'jwt-config' | 'jwt-role' | 'database-role'
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Algorithms that SPIRE signs JWT-SVIDs with, and no others (JWT-2.1-a narrowed to what is used). */
const signingAlgorithms = ['ES256', 'ES384', 'RS256']

/** In the order in which they are to be written. */
export function desiredVault(manifest: Manifest, jwksUrl: string): DesiredObject[] {
  return [...databaseRoles(manifest), ...policies(manifest), jwtConfig(manifest, jwksUrl), ...jwtRoles(manifest)]
}

function databaseRoles({ databases, vault }: Manifest): DesiredObject[] {
  return databases.flatMap(({ name, roles }) =>
    roles.map((role) => ({
      kind: 'database-role' as const,
      path: `${vault.mounts.database}/roles/${role.name}`,
      body: {
        db_name: name,
        default_ttl: role.ttl,
        max_ttl: role.maxTtl,
        creation_statements: role.creation,
        revocation_statements: role.revocation,
        renew_statements: role.renew,
      },
    })),
  )
}

function policies(manifest: Manifest): DesiredObject[] {
  return manifest.workloads.map((workload) => ({
    kind: 'policy',
    path: `sys/policies/acl/${policyName(workload)}`,
    body: { policy: policyText(workload, manifest) },
  }))
}

function jwtConfig({ vault }: Manifest, jwksUrl: string): DesiredObject {
  return {
    kind: 'jwt-config',
    path: `auth/${vault.mounts.jwt}/config`,
    body: { jwks_url: jwksUrl, jwt_supported_algs: signingAlgorithms },
  }
}

function jwtRoles({ workloads, vault }: Manifest): DesiredObject[] {
  return workloads.map((workload) => ({
    kind: 'jwt-role',
    path: `auth/${vault.mounts.jwt}/role/${workload.name}`,
    body: {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: [vault.audience],
      bound_subject: workload.id.toString(),
      token_policies: [policyName(workload)],
      token_ttl: vault.token.ttl,
      token_max_ttl: vault.token.maxTtl,
    },
  }))
}
