/**
 * Every key of the configuration, once: its place in the file, its variables, its kind, its default. The reader of
 * the environment, the reader of the file, the check for unknown keys and the documentation all walk this table.
 * @module
 */
import {
  boolean,
  count,
  duration,
  durationOrSeconds,
  hostNames,
  listenAddress,
  mountPath,
  name,
  oneOf,
  port,
  serverUrl,
  share,
  text,
  type ValueKind,
  workloadEndpoint,
} from './value-kinds.js'

/** One key. */
export interface ConfigurationKey<Value> {
  /** Variables that set it; the first one that is set and not empty wins. */
  readonly env: readonly string[]
  readonly kind: ValueKind<Value>
  /** As it would be written; absent: none. */
  readonly default?: string
  readonly summary: string
  /** True: the value is a secret, and never shown. */
  readonly secret?: boolean
}

const key = <Value, Options extends { default?: string; secret?: boolean } = Record<never, never>>(
  env: string | readonly string[],
  kind: ValueKind<Value>,
  summary: string,
  options?: Options,
): ConfigurationKey<Value> & Options =>
  ({ env: typeof env === 'string' ? [env] : env, kind, summary, ...options }) as ConfigurationKey<Value> & Options

/** OpenBao reads its own variable first, then Vault's. */
const openBaoFirst = (suffix: string): readonly string[] => [`BAO_${suffix}`, `VAULT_${suffix}`]

export const configurationKeys = {
  'service.name': key('CHAVEIRO_SERVICE_NAME', name, 'Names this service in logs and in the metric label `service`.'),

  'vault.enabled': key('CHAVEIRO_VAULT_ENABLED', boolean, 'Off: static credentials in place of Vault.', {
    default: 'true',
  }),
  'vault.address': key(openBaoFirst('ADDR'), serverUrl, 'Where Vault or OpenBao listens. Needed while it is enabled.'),
  'vault.namespace': key(openBaoFirst('NAMESPACE'), mountPath, 'Namespace of every request.'),
  'vault.caFile': key(openBaoFirst('CACERT'), text, "File with the CA certificates (PEM) of Vault's TLS."),
  'vault.timeout': key(openBaoFirst('CLIENT_TIMEOUT'), durationOrSeconds, 'Longest time for one request.', {
    default: '60s',
  }),
  'vault.role': key('CHAVEIRO_VAULT_ROLE', name, 'Role of the login. Default: `service.name`.'),
  'vault.audience': key('CHAVEIRO_VAULT_AUDIENCE', text, 'Audience of the JWT-SVID that logs in. Needed with SPIFFE.'),
  'vault.kvMount': key('CHAVEIRO_VAULT_KV_MOUNT', mountPath, 'Mount of the KV v2 engine.', { default: 'secret' }),
  'vault.databaseMount': key('CHAVEIRO_VAULT_DATABASE_MOUNT', mountPath, 'Mount of the database engine.', {
    default: 'database',
  }),
  'vault.jwtMount': key('CHAVEIRO_VAULT_JWT_MOUNT', mountPath, 'Mount of the JWT login, below `auth/`.', {
    default: 'jwt',
  }),
  'vault.jwtFile': key(
    'CHAVEIRO_STATIC_VAULT_JWT_FILE',
    text,
    'File with the JWT that logs in when SPIFFE is off, for instance a projected service-account token. Read anew at each login.',
  ),

  'spiffe.enabled': key('CHAVEIRO_SPIFFE_ENABLED', boolean, 'Off: no Workload API; static credentials in its place.', {
    default: 'true',
  }),
  'spiffe.endpoint': key('SPIFFE_ENDPOINT_SOCKET', workloadEndpoint, 'The Workload API. Needed while it is enabled.'),
  'spiffe.audience': key('CHAVEIRO_SPIFFE_AUDIENCE', text, 'Audience that callers of this service must name.'),

  'database.host': key('CHAVEIRO_DATABASE_HOST', text, 'PostgreSQL: host name, address, or folder of its socket.'),
  'database.port': key('CHAVEIRO_DATABASE_PORT', port, 'PostgreSQL: port.', { default: '5432' }),
  'database.name': key('CHAVEIRO_DATABASE_NAME', text, 'PostgreSQL: database. Needed with a host.'),
  'database.role': key(
    'CHAVEIRO_DATABASE_ROLE',
    name,
    "Role of Vault's database engine. Needed with a host and Vault.",
  ),
  'database.tls': key(
    'CHAVEIRO_DATABASE_TLS',
    oneOf('verify', 'off'),
    'TLS to PostgreSQL. Default: `off` on loopback and sockets, else `verify`.',
  ),
  'database.caFile': key('CHAVEIRO_DATABASE_CACERT', text, "File with the CA certificates (PEM) of PostgreSQL's TLS."),
  'database.poolSize': key('CHAVEIRO_DATABASE_POOL_SIZE', count(1, 10_000), 'Most connections of the pool.', {
    default: '10',
  }),

  'admin.enabled': key('CHAVEIRO_ADMIN_ENABLED', boolean, 'Whether metrics, health and the status page are served.', {
    default: 'true',
  }),
  'admin.address': key('CHAVEIRO_ADMIN_ADDRESS', listenAddress, 'Where they are served; port 0 takes a free one.', {
    default: '127.0.0.1:9464',
  }),
  'admin.allowRemote': key(
    'CHAVEIRO_ADMIN_ALLOW_REMOTE',
    boolean,
    'Must be true for an address that is not loopback: whoever reaches it sees names and lives of credentials.',
    { default: 'false' },
  ),
  'admin.hosts': key(
    'CHAVEIRO_ADMIN_HOSTS',
    hostNames,
    'Host names by which the admin address may be called, besides addresses and `localhost`.',
  ),

  'rotation.renewFrom': key('CHAVEIRO_RENEW_FROM', share, 'Earliest first attempt, as a share of the TTL.', {
    default: '0.60',
  }),
  'rotation.renewTo': key('CHAVEIRO_RENEW_TO', share, 'Latest first attempt that is planned, as a share of the TTL.', {
    default: '0.75',
  }),
  'rotation.renewBefore': key('CHAVEIRO_RENEW_BEFORE', share, 'An attempt and a retry are made before this share.', {
    default: '0.80',
  }),
  'rotation.drainTimeout': key(
    'CHAVEIRO_DRAIN_TIMEOUT',
    duration,
    'Longest time for work on a replaced credential to end; its remaining life bounds it too.',
    { default: '1h' },
  ),

  'start.timeout': key(
    'CHAVEIRO_START_TIMEOUT',
    duration,
    'How long the start waits for servers that are away before it fails.',
    { default: '60s' },
  ),
  'shutdown.timeout': key('CHAVEIRO_SHUTDOWN_TIMEOUT', duration, 'Longest time for an orderly end.', {
    default: '20s',
  }),
  'log.level': key('CHAVEIRO_LOG_LEVEL', oneOf('debug', 'info', 'warn', 'error'), 'Least level that is logged.', {
    default: 'info',
  }),

  'static.databaseUsername': key('CHAVEIRO_STATIC_DATABASE_USERNAME', text, 'User of PostgreSQL when Vault is off.'),
  'static.databasePassword': key(
    'CHAVEIRO_STATIC_DATABASE_PASSWORD',
    text,
    'Its password. Only from the environment: a file of settings is no place for it.',
    { secret: true },
  ),
  'static.databasePasswordFile': key(
    'CHAVEIRO_STATIC_DATABASE_PASSWORD_FILE',
    text,
    'File that holds its password instead.',
  ),
  'static.secretsFolder': key(
    'CHAVEIRO_STATIC_SECRETS_FOLDER',
    text,
    'Folder with `<path>/<key>` files that stand in for KV secrets when Vault is off.',
  ),
  'static.peerTokenFile': key(
    'CHAVEIRO_STATIC_PEER_TOKEN_FILE',
    text,
    'File with the token that this service and its peers share when SPIFFE is off. It proves membership, not who calls.',
  ),
} as const satisfies Readonly<Record<string, ConfigurationKey<unknown>>>

/** A key's place in the file: `vault.address`. */
export type ConfigurationPath = keyof typeof configurationKeys

type ValueOf<Key> = Key extends { kind: ValueKind<infer Value> }
  ? Value | (Key extends { default: string } ? never : undefined)
  : never

/** What was read, by path; undefined only where a key has no default. */
export type ConfigurationValues = { readonly [Path in ConfigurationPath]: ValueOf<(typeof configurationKeys)[Path]> }

/**
 * Beginning of the variables that stand in for KV secrets when Vault is off: path segments and the key, separated
 * by two underscores, in capitals: `CHAVEIRO_STATIC_SECRET__ORCHESTRATOR__KAFKA__PASSWORD`.
 */
export const staticSecretPrefix = 'CHAVEIRO_STATIC_SECRET__'

/** Names the file of settings. Itself only a variable. */
export const configurationFileVariable = 'CHAVEIRO_CONFIG'

/** Ours too, but read by the command and by the tests, not by a service. */
export const variablesOfTheCommand: ReadonlySet<string> = new Set([
  'CHAVEIRO_CACHE_DIR',
  'CHAVEIRO_DEBUG',
  'CHAVEIRO_JWKS_URL',
  'CHAVEIRO_MANIFEST',
  'CHAVEIRO_TEST_FAILED_STEPS',
])
