/**
 * Which settings do not go together, and which are missing given the others.
 * @module
 */
import type { ConfigurationErrorCode, ConfigurationProblem } from './errors.js'
import { type ConfigurationPath, type ConfigurationValues, configurationKeys } from './keys.js'

/** Where a key was set, in words. */
export type OriginOf = (path: ConfigurationPath) => string

interface Rule {
  readonly code: ConfigurationErrorCode
  readonly key: ConfigurationPath
  readonly broken: (values: ConfigurationValues) => boolean
  readonly message: string
  readonly cure: string
}

const variableOf = (path: ConfigurationPath): string => configurationKeys[path].env.at(-1) ?? path

const missing = (
  key: ConfigurationPath,
  when: (values: ConfigurationValues) => boolean,
  reason: string,
  otherwise: string,
): Rule => ({
  code: 'ERR_CONFIGURATION_MISSING',
  key,
  broken: (values) => values[key] === undefined && when(values),
  message: `is needed ${reason}`,
  cure: `Set ${variableOf(key)} (or ${key} in the file), or ${otherwise}.`,
})

const contradiction = (key: ConfigurationPath, broken: Rule['broken'], message: string, cure: string): Rule => ({
  code: 'ERR_CONFIGURATION_CONTRADICTION',
  key,
  broken,
  message,
  cure,
})

const vaultOn = (values: ConfigurationValues): boolean => values['vault.enabled'] === true
const spiffeOn = (values: ConfigurationValues): boolean => values['spiffe.enabled'] === true
const hasDatabase = (values: ConfigurationValues): boolean => values['database.host'] !== undefined

const vaultOff = 'switch Vault off with CHAVEIRO_VAULT_ENABLED=false'
const spiffeOff = 'switch SPIFFE off with CHAVEIRO_SPIFFE_ENABLED=false'
const noDatabase = 'unset CHAVEIRO_DATABASE_HOST when this service uses no database'

const rules: readonly Rule[] = [
  {
    code: 'ERR_CONFIGURATION_MISSING',
    key: 'service.name',
    broken: (values) => values['service.name'] === undefined,
    message: 'is needed to tell this service apart in logs and metrics',
    cure: 'Set CHAVEIRO_SERVICE_NAME (or service.name in the file) to the name of the workload.',
  },
  missing('vault.address', vaultOn, 'while Vault is enabled', vaultOff),
  missing('spiffe.endpoint', spiffeOn, 'while SPIFFE is enabled', spiffeOff),
  missing('vault.audience', (v) => vaultOn(v) && spiffeOn(v), 'to log in to Vault with a JWT-SVID', vaultOff),
  missing('vault.jwtFile', (v) => vaultOn(v) && !spiffeOn(v), 'to log in to Vault while SPIFFE is off', vaultOff),
  contradiction(
    'vault.caFile',
    (v) => vaultOn(v) && v['vault.caFile'] !== undefined && v['vault.address']?.startsWith('http:') === true,
    'names a CA while the address of Vault is in the clear (http)',
    'Begin VAULT_ADDR with https://, or unset VAULT_CACERT.',
  ),
  missing('database.name', hasDatabase, 'with database.host', noDatabase),
  missing('database.role', (v) => hasDatabase(v) && vaultOn(v), "to lease the database's credential", noDatabase),
  contradiction(
    'database.role',
    (v) => v['database.role'] !== undefined && !hasDatabase(v),
    'names a role while no database is named',
    'Set CHAVEIRO_DATABASE_HOST and CHAVEIRO_DATABASE_NAME, or unset CHAVEIRO_DATABASE_ROLE.',
  ),
  missing('static.databaseUsername', (v) => hasDatabase(v) && !vaultOn(v), 'while Vault is off', noDatabase),
  missing(
    'static.databasePassword',
    (v) => hasDatabase(v) && !vaultOn(v) && v['static.databasePasswordFile'] === undefined,
    'while Vault is off',
    'name a file that holds it with CHAVEIRO_STATIC_DATABASE_PASSWORD_FILE',
  ),
  contradiction(
    'static.databasePasswordFile',
    (v) => v['static.databasePasswordFile'] !== undefined && v['static.databasePassword'] !== undefined,
    'is set together with static.databasePassword',
    'Keep one of CHAVEIRO_STATIC_DATABASE_PASSWORD and CHAVEIRO_STATIC_DATABASE_PASSWORD_FILE.',
  ),
  contradiction(
    'database.caFile',
    (v) => v['database.caFile'] !== undefined && v['database.tls'] === 'off',
    'names a CA while TLS to the database is off',
    'Set CHAVEIRO_DATABASE_TLS=verify, or unset CHAVEIRO_DATABASE_CACERT.',
  ),
  contradiction(
    'admin.address',
    (v) =>
      v['admin.enabled'] === true && !isLoopback(v['admin.address']?.host ?? '') && v['admin.allowRemote'] !== true,
    'is not a loopback address, so others could read it',
    'Set CHAVEIRO_ADMIN_ALLOW_REMOTE=true when that is meant, else use 127.0.0.1.',
  ),
  contradiction(
    'rotation.renewFrom',
    (v) => (v['rotation.renewFrom'] ?? 0) > (v['rotation.renewTo'] ?? 1),
    'is later than rotation.renewTo',
    'Choose renewFrom ≤ renewTo < renewBefore, for instance 0.60, 0.75, 0.80.',
  ),
  contradiction(
    'rotation.renewTo',
    (v) => (v['rotation.renewTo'] ?? 0) >= (v['rotation.renewBefore'] ?? 1),
    'is not before rotation.renewBefore, so no retry would fit',
    'Choose renewFrom ≤ renewTo < renewBefore, for instance 0.60, 0.75, 0.80.',
  ),
]

/** Whether an address never leaves this machine. */
export function isLoopback(address: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(address) || address === '::1' || address === 'localhost'
}

/** @returns every rule that is broken; none when the values go together */
export function contradictions(values: ConfigurationValues, origin: OriginOf): ConfigurationProblem[] {
  return rules
    .filter((rule) => rule.broken(values))
    .map(({ code, key, message, cure }) => ({ code, key, origin: origin(key), message, cure }))
}
