/**
 * What Vault must hold for a manifest: one object for each path, pure data.
 * @module
 */
import type { DatabaseConnection, Manifest, Workload } from '../manifest/schema.js'
import type { DesiredObject } from '../plan/desired-object.js'
import type { Field } from '../plan/field.js'
import { policyName, policyText } from './policy.js'

/** What the manifest leaves to the place where it is applied. */
export interface VaultSurroundings {
  /** How Vault checks JWT-SVIDs. */
  readonly jwt:
    | { readonly jwksUrl: string; readonly jwksCaPem?: string }
    | { readonly publicKeysPem: readonly string[] }
  /** Connection URLs by database, with their variables put in. */
  readonly connectionUrls: Readonly<Record<string, string>>
}

/** Algorithms that SPIRE signs JWT-SVIDs with, and no others (JWT-2.1-a narrowed to what is used). */
const signingAlgorithms = ['ES256', 'ES384', 'RS256']

const text = (value: string): Field => ({ type: 'text', value })
const set = (value: readonly string[]): Field => ({ type: 'set', value })
const list = (value: readonly string[]): Field => ({ type: 'list', value })
const seconds = (value: number): Field => ({ type: 'seconds', value })

/** Everything but the entries of SPIRE, in the order in which it depends on each other. */
export function desiredVault(manifest: Manifest, surroundings: VaultSurroundings): DesiredObject[] {
  return [
    ...mounts(manifest),
    ...manifest.databases.flatMap((database, index) => connection(manifest, database, index, surroundings)),
    ...manifest.workloads.map((workload, index) => policy(manifest, workload, index)),
    jwtConfig(manifest, surroundings),
    ...manifest.workloads.map((workload, index) => jwtRole(manifest, workload, index)),
    ...secrets(manifest),
  ]
}

/** Path of the KV engine: the ledger lies there too, so that every group needs it. */
const kvMount = ({ vault }: Manifest): string => `sys/mounts/${vault.mounts.kv}`
const databaseMount = ({ vault }: Manifest): string => `sys/mounts/${vault.mounts.database}`
const jwtMount = ({ vault }: Manifest): string => `sys/auth/${vault.mounts.jwt}`
const jwtConfigPath = ({ vault }: Manifest): string => `auth/${vault.mounts.jwt}/config`

function mounts(manifest: Manifest): DesiredObject[] {
  const at = (key: 'kv' | 'database' | 'jwt') => ({ manifestPath: ['vault', 'mounts', key], needs: [] })
  return [
    {
      kind: 'secrets engine',
      groups: ['policies', 'database', 'secrets'],
      path: kvMount(manifest),
      fields: { type: text('kv'), version: text('2') },
      ...at('kv'),
    },
    ...(manifest.databases.length === 0
      ? []
      : [
          {
            kind: 'secrets engine' as const,
            groups: ['database' as const],
            path: databaseMount(manifest),
            fields: { type: text('database') },
            ...at('database'),
          },
        ]),
    {
      kind: 'auth method',
      groups: ['policies'],
      path: jwtMount(manifest),
      fields: { type: text('jwt') },
      ...at('jwt'),
    },
  ]
}

function connection(
  manifest: Manifest,
  database: DatabaseConnection,
  index: number,
  { connectionUrls }: VaultSurroundings,
): DesiredObject[] {
  const mount = manifest.vault.mounts.database
  const path = `${mount}/config/${database.name}`
  const config: DesiredObject = {
    kind: 'database connection',
    groups: ['database'],
    path,
    manifestPath: ['databases', index],
    needs: [kvMount(manifest), databaseMount(manifest)],
    fields: {
      plugin_name: text(database.plugin),
      connection_url: text(connectionUrls[database.name] ?? database.connectionUrl),
      allowed_roles: set(database.roles.map(({ name }) => name)),
      password_authentication: text('scram-sha-256'),
    },
    values: { username: database.username, password: database.password },
  }
  const roles = database.roles.map(
    (role, r): DesiredObject => ({
      kind: 'database role',
      groups: ['database'],
      path: `${mount}/roles/${role.name}`,
      manifestPath: ['databases', index, 'roles', r],
      needs: [path],
      fields: {
        db_name: text(database.name),
        default_ttl: seconds(role.ttl),
        max_ttl: seconds(role.maxTtl),
        creation_statements: list(role.creation),
        revocation_statements: list(role.revocation),
        renew_statements: list(role.renew),
        rollback_statements: list([]),
      },
    }),
  )
  return [config, ...roles]
}

function policy(manifest: Manifest, workload: Workload, index: number): DesiredObject {
  return {
    kind: 'policy',
    groups: ['policies'],
    path: `sys/policies/acl/${policyName(workload)}`,
    manifestPath: ['workloads', index],
    needs: [],
    fields: { policy: { type: 'policy', value: policyText(workload, manifest) } },
  }
}

/** Every field that says whom Vault believes; what is not wanted is wanted empty. */
function jwtConfig(manifest: Manifest, { jwt }: VaultSurroundings): DesiredObject {
  const keys =
    'jwksUrl' in jwt
      ? { url: jwt.jwksUrl, ca: jwt.jwksCaPem ?? '', keys: [] }
      : { url: '', ca: '', keys: jwt.publicKeysPem }
  return {
    kind: 'jwt config',
    groups: ['policies'],
    path: jwtConfigPath(manifest),
    manifestPath: ['vault', 'jwksUrl'],
    needs: [kvMount(manifest), jwtMount(manifest)],
    fields: {
      jwks_url: text(keys.url),
      jwks_ca_pem: text(keys.ca),
      jwt_validation_pubkeys: set(keys.keys.map((key) => key.trim())),
      oidc_discovery_url: text(''),
      bound_issuer: text(manifest.vault.issuer ?? ''),
      jwt_supported_algs: set(signingAlgorithms),
      default_role: text(''),
    },
  }
}

function jwtRole(manifest: Manifest, workload: Workload, index: number): DesiredObject {
  const { audience, mounts, token } = manifest.vault
  return {
    kind: 'jwt role',
    groups: ['policies'],
    path: `auth/${mounts.jwt}/role/${workload.name}`,
    manifestPath: ['workloads', index],
    needs: [`sys/policies/acl/${policyName(workload)}`, jwtConfigPath(manifest)],
    fields: {
      role_type: text('jwt'),
      user_claim: text('sub'),
      bound_audiences: set([audience]),
      bound_subject: text(workload.id.toString()),
      bound_claims: { type: 'map', value: {} },
      token_policies: set([policyName(workload)]),
      token_ttl: seconds(token.ttl),
      token_max_ttl: seconds(token.maxTtl),
      token_period: seconds(0),
      token_explicit_max_ttl: seconds(0),
      token_num_uses: { type: 'number', value: 0 },
      token_bound_cidrs: set([]),
      token_no_default_policy: { type: 'boolean', value: true },
      clock_skew_leeway: seconds(0),
      expiration_leeway: seconds(0),
      not_before_leeway: seconds(0),
    },
  }
}

function secrets(manifest: Manifest): DesiredObject[] {
  return manifest.secrets.map(({ path, keys }, index) => ({
    kind: 'secret',
    groups: ['secrets'],
    path: `${manifest.vault.mounts.kv}/data/${path}`,
    manifestPath: ['secrets', index],
    needs: [kvMount(manifest)],
    fields: Object.fromEntries(
      Object.entries(keys).map(([key, origin]) => [key, { type: 'key' as const, value: originText(origin) }]),
    ),
    values: keys,
  }))
}

/** Where a value comes from, for people. */
function originText(origin: Manifest['secrets'][number]['keys'][string]): string {
  if ('env' in origin) return `from $${origin.env}`
  if ('file' in origin) return `from file ${origin.file}`
  if ('prompt' in origin) return 'asked for'
  return `generated, ${origin.generate.length} characters, ${origin.generate.alphabet}`
}
