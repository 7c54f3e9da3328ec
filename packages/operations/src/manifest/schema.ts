/**
 * What an operator may write in `chaveiro.yaml`. Every object is closed: a key that is not named here is an error.
 * @module
 */
import { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { z } from 'zod'
import { durationSeconds } from './duration.js'
import { valueOrigin, variable } from './value-origin.js'

const name = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'use lower-case letters, digits and hyphens')
const mount = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]*(\/[a-z0-9][a-z0-9_-]*)*$/, 'name the mount without slashes around it')
/** A KV path below its mount; a last `*` stands for everything under the prefix. */
const kvPattern = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*(\/\*)?$/, 'write a path below the mount, such as orchestrator/*')
const kvPath = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/, 'write the path of one secret, such as orchestrator/kafka')

function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message })
      return z.NEVER
    }
  })
}

const trustDomain = parsed((text) => TrustDomain.parse(text))
const spiffeId = parsed((text) => SpiffeId.parse(text))

const databaseRole = z.strictObject({
  name,
  ttl: durationSeconds.describe('Life of a credential until it is renewed: 1h.'),
  maxTtl: durationSeconds.describe('Life of a credential, renewals included: 24h.'),
  creation: z.array(z.string().min(1)).min(1).describe('SQL with {{name}}, {{password}} and {{expiration}}.'),
  revocation: z.array(z.string().min(1)).default([]),
  renew: z.array(z.string().min(1)).default([]),
})

const database = z.strictObject({
  name,
  plugin: z.literal('postgresql-database-plugin').default('postgresql-database-plugin'),
  connectionUrl: z
    .string()
    .includes('{{username}}')
    .includes('{{password}}')
    .describe(
      "Vault's template: {{username}} and {{password}}, never the values. A variable of the environment is written " +
        'in braces after a dollar sign, its default after :- within them.',
    ),
  username: valueOrigin,
  password: valueOrigin,
  roles: z.array(databaseRole).min(1),
})

const workload = z.strictObject({
  name: name.describe('Names its policy and its role too.'),
  id: spiffeId.describe('spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT'),
  selectors: z
    .array(z.string().regex(/^[a-z0-9_]+:.+$/, 'write a selector as type:value'))
    .min(1)
    .describe('All must hold for a process to be this workload: k8s:ns:…, unix:uid:…'),
  parent: spiffeId.optional().describe('Under which node it is registered. Default: spire.parent.'),
  hint: z.string().max(1024).optional().describe('Tells several identities of one workload apart.'),
  x509Ttl: durationSeconds.optional().describe("Life of its X.509-SVIDs. Default: SPIRE's own."),
  jwtTtl: durationSeconds.optional().describe("Life of its JWT-SVIDs. Default: SPIRE's own."),
  dnsNames: z.array(z.string().min(1)).default([]).describe('The first one becomes the common name.'),
  federatesWith: z.array(trustDomain).default([]),
  kv: z
    .strictObject({ read: z.array(kvPattern).default([]), write: z.array(kvPattern).default([]) })
    .default({ read: [], write: [] }),
  databases: z.array(name).default([]).describe('Database roles that it may have a credential of.'),
  calls: z.array(name).default([]).describe('Workloads that this one may call.'),
  callers: z
    .array(z.string().min(1))
    .optional()
    .describe('Who may call this one: workloads by name, others by SPIFFE ID. Default: those who declare to call it.'),
  audience: z.string().min(1).optional().describe('What callers put into a JWT-SVID for this workload.'),
  static: z
    .record(z.string(), variable)
    .default({})
    .describe('Environment variables that hold static credentials when Vault or SPIFFE is switched off.'),
})

const secret = z.strictObject({ path: kvPath, keys: z.record(z.string().min(1), valueOrigin) })

const vault = z.strictObject({
  address: z.url().optional().describe('Default: VAULT_ADDR.'),
  audience: z.string().min(1).describe('What a JWT-SVID for Vault is made out to.'),
  mounts: z
    .strictObject({ kv: mount.default('secret'), database: mount.default('database'), jwt: mount.default('jwt') })
    .default({ kv: 'secret', database: 'database', jwt: 'jwt' }),
  jwksUrl: z
    .url()
    .optional()
    .describe("Where Vault fetches SPIRE's JWT keys: the discovery provider's /keys. Default: CHAVEIRO_JWKS_URL."),
  jwksCa: z.string().min(1).optional().describe('File with the CA certificates (PEM) that jwksUrl is verified by.'),
  jwtKeys: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Files with public keys (PEM) in place of jwksUrl. They go stale when SPIRE changes its keys.'),
  issuer: z.string().min(1).optional().describe('Bound only when SPIRE is configured with jwt_issuer.'),
  token: z.strictObject({ ttl: durationSeconds, maxTtl: durationSeconds }).default({ ttl: 3600, maxTtl: 86_400 }),
})

const spire = z.strictObject({
  parent: spiffeId.optional().describe('Node under which workloads are registered. Default: CHAVEIRO_SPIRE_PARENT.'),
  className: z.string().min(1).optional().describe('Class of the SPIRE controller manager, for --emit kubernetes.'),
})

export const manifestSchema = z.strictObject({
  version: z.literal(1),
  name: name.optional().describe('Tells manifests on one Vault apart. Default: the trust domain.'),
  trustDomain,
  vault,
  spire: spire.default({}),
  databases: z.array(database).default([]),
  workloads: z.array(workload).min(1),
  secrets: z.array(secret).default([]),
})

/** A manifest, read: durations in seconds, SPIFFE IDs and the trust domain parsed. */
export type Manifest = z.output<typeof manifestSchema>
export type Workload = Manifest['workloads'][number]
export type DatabaseConnection = Manifest['databases'][number]
export type DatabaseRole = DatabaseConnection['roles'][number]
