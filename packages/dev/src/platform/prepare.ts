/**
 * Makes a blank stack ready for the sample platform: a database with a table, and Vault as the manifest says.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { applyPlan, type Manifest, makePlan, type ValueOrigin } from '@chaveiro/operations'
import { Secret } from '@chaveiro/rotation'
import { VaultClient } from '@chaveiro/vault'
import { DevError } from '../errors.js'
import type { Stack } from '../stack.js'

/** Group role that every user made by Vault becomes a member of. */
const groupRole = 'temporal_orchestrator'

/**
 * Creates the sample's database and writes the manifest into Vault.
 * @throws {VaultError} and what `pg` throws, when a server refuses
 */
export async function prepareStack(stack: Stack, manifest: Manifest): Promise<void> {
  await createDatabase(stack)
  await using vault = new VaultClient({ address: stack.vault.address, token: () => stack.vault.rootToken })
  const values = sampleValues(stack)
  const prepared = await makePlan({
    located: { file: 'the sample manifest', manifest, lineOf: () => 1 },
    vault,
    groups: ['policies', 'database', 'secrets'],
    env: { ...databaseVariables(stack), CHAVEIRO_JWKS_URL: stack.jwksUrl },
  })
  const { failed } = await applyPlan(prepared, { resolve: async (origin) => sampleValue(origin, values) })
  if (failed[0]) throw failed[0].error
}

/** As PostgreSQL's own programs read them. */
export const databaseVariables = ({ database: { host, port } }: Stack): Readonly<Record<string, string>> => ({
  PGHOST: host,
  PGPORT: String(port),
})

/** What the sample manifest takes from the environment. Made up anew for each stack; nothing real hangs on it. */
export function sampleValues({ database }: Stack): Readonly<Record<string, Secret>> {
  const made = (): Secret => new Secret(randomBytes(18).toString('base64url'))
  return {
    TEMPORAL_DB_ADMIN_USERNAME: new Secret(database.superuser.username),
    TEMPORAL_DB_ADMIN_PASSWORD: database.superuser.password,
    ORCHESTRATOR_MONGODB_URI: new Secret(`mongodb://orchestrator:${made().expose()}@127.0.0.1:27017/neural_hive`),
    ORCHESTRATOR_KAFKA_USERNAME: new Secret('orchestrator'),
    ORCHESTRATOR_KAFKA_PASSWORD: made(),
  }
}

function sampleValue(origin: ValueOrigin, values: Readonly<Record<string, Secret>>): Secret {
  const value = 'env' in origin ? values[origin.env] : undefined
  if (value) return value
  throw new DevError('ERR_DEV_SERVER_COMMAND', `the sample stack has no value for ${JSON.stringify(origin)}`, {
    cure: 'The sample stack serves examples/chaveiro.yaml as it is; give it only variables that it names.',
  })
}

/** The sample's database and the group role of its users: a service's own, there before Vault knows of it. */
export async function createDatabase({ database }: Stack): Promise<void> {
  await database.query(`CREATE ROLE ${groupRole} NOLOGIN`)
  await database.query('CREATE DATABASE temporal')
  const table = 'id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now()'
  await database.query(`CREATE TABLE ticks (${table})`, [], 'temporal')
  await database.query(`GRANT SELECT, INSERT ON ticks TO ${groupRole}`, [], 'temporal')
}
