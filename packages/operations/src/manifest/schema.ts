/**
 * What an operator may write in `chaveiro.yaml`. Every object is closed: a key that is not named here is an error.
 * @module
 */
import { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { z } from 'zod'

const secondsPerUnit = { s: 1, m: 60, h: 3600, d: 86_400 } as const
type Unit = keyof typeof secondsPerUnit

/** `30s`, `5m`, `1h`, `7d`, read into seconds. */
const durationSeconds = z
  .string()
  .regex(/^[1-9]\d{0,8}[smhd]$/, 'write a duration as a whole number and a unit: 30s, 5m, 1h or 7d')
  .transform((text) => Number(text.slice(0, -1)) * secondsPerUnit[text.slice(-1) as Unit])

const name = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'use lower-case letters, digits and hyphens')
const mount = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]*(\/[a-z0-9][a-z0-9_-]*)*$/, 'name the mount without slashes around it')
const variable = z.string().regex(/^[A-Z_][A-Z0-9_]*$/, 'use an environment variable name, such as MONGODB_URI')
/** A KV path below its mount; a last `*` stands for everything under the prefix. */
const kvPath = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*(\/\*)?$/, 'write a path below the mount, such as orchestrator/*')

const trustDomain = z.string().transform((text, context) => {
  try {
    return TrustDomain.parse(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
    return z.NEVER
  }
})

const spiffeId = z.string().transform((text, context) => {
  try {
    return SpiffeId.parse(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
    return z.NEVER
  }
})

/** Where a secret value comes from. Never inline: a manifest is committed and read by many. */
const valueOrigin = z.union([
  z.strictObject({ env: variable }),
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ prompt: z.string().min(1) }),
  z.strictObject({
    generate: z.strictObject({
      length: z.int().min(16).max(512),
      alphabet: z.enum(['alphanumeric', 'hex', 'base64url']).default('alphanumeric'),
    }),
  }),
])

const databaseRole = z.strictObject({
  name,
  ttl: durationSeconds,
  maxTtl: durationSeconds,
  creation: z.array(z.string().min(1)).min(1),
  revocation: z.array(z.string().min(1)).default([]),
  renew: z.array(z.string().min(1)).default([]),
})

const database = z.strictObject({
  name,
  plugin: z.literal('postgresql-database-plugin').default('postgresql-database-plugin'),
  /** Vault's template: it holds `{{username}}` and `{{password}}`, never the values. */
  connectionUrl: z.string().includes('{{username}}').includes('{{password}}'),
  username: valueOrigin,
  password: valueOrigin,
  roles: z.array(databaseRole).min(1),
})

const workload = z.strictObject({
  name,
  id: spiffeId,
  selectors: z.array(z.string().regex(/^[a-z0-9_]+:.+$/, 'write a selector as type:value')).min(1),
  parent: spiffeId.optional(),
  kv: z
    .strictObject({ read: z.array(kvPath).default([]), write: z.array(kvPath).default([]) })
    .default({ read: [], write: [] }),
  databases: z.array(name).default([]),
  /** Names of workloads that this one may call; the callee's policy follows from it. */
  calls: z.array(name).default([]),
  /** The audience that callers put into a JWT-SVID for this workload. */
  audience: z.string().min(1).optional(),
  dnsNames: z.array(z.string().min(1)).default([]),
  /** Environment variables that hold static credentials when Vault or SPIFFE is switched off. */
  static: z.record(z.string(), variable).default({}),
})

const secret = z.strictObject({ path: kvPath, keys: z.record(z.string().min(1), valueOrigin) })

const vault = z.strictObject({
  /** Absent: taken from `VAULT_ADDR`. */
  address: z.url().optional(),
  audience: z.string().min(1),
  mounts: z
    .strictObject({ kv: mount.default('secret'), database: mount.default('database'), jwt: mount.default('jwt') })
    .default({ kv: 'secret', database: 'database', jwt: 'jwt' }),
  /** Where Vault fetches SPIRE's JWT keys: the discovery provider's `/keys`. Absent: `CHAVEIRO_JWKS_URL`. */
  jwksUrl: z.url().optional(),
  token: z.strictObject({ ttl: durationSeconds, maxTtl: durationSeconds }).default({ ttl: 3600, maxTtl: 86_400 }),
})

export const manifestSchema = z.strictObject({
  version: z.literal(1),
  trustDomain,
  vault,
  databases: z.array(database).default([]),
  workloads: z.array(workload).min(1),
  secrets: z.array(secret).default([]),
})

/** A manifest, read: durations in seconds, SPIFFE IDs and the trust domain parsed. */
export type Manifest = z.output<typeof manifestSchema>
export type Workload = Manifest['workloads'][number]
export type DatabaseConnection = Manifest['databases'][number]
export type DatabaseRole = DatabaseConnection['roles'][number]
export type ValueOrigin = z.output<typeof valueOrigin>
