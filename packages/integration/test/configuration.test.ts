import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Configuration,
  type ConfigurationDefaults,
  ConfigurationError,
  describeConfiguration,
  type Environment,
  loadConfiguration,
} from '@chaveiro/integration'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chaveiro-configuration-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function file(content: string): string {
  files += 1
  const path = join(folder, `file-${files}`)
  writeFileSync(path, content)
  return path
}

/** The least that a service with Vault, SPIFFE and a database needs. */
const sound: Environment = {
  CHAVEIRO_SERVICE_NAME: 'orchestrator-dynamic',
  VAULT_ADDR: 'https://vault.example:8200',
  CHAVEIRO_VAULT_AUDIENCE: 'vault.neural-hive.local',
  SPIFFE_ENDPOINT_SOCKET: 'unix:///run/spire/agent.sock',
  CHAVEIRO_DATABASE_HOST: '127.0.0.1',
  CHAVEIRO_DATABASE_NAME: 'temporal',
  CHAVEIRO_DATABASE_ROLE: 'temporal-orchestrator',
}

const staticOnly: Environment = {
  CHAVEIRO_SERVICE_NAME: 'orchestrator-dynamic',
  CHAVEIRO_VAULT_ENABLED: 'false',
  CHAVEIRO_SPIFFE_ENABLED: '0',
}

function load(env: Environment, rest: { file?: string; defaults?: ConfigurationDefaults } = {}): Configuration {
  return loadConfiguration({ env, ...rest })
}

function refused(env: Environment, rest: { file?: string; defaults?: ConfigurationDefaults } = {}): ConfigurationError {
  try {
    load(env, rest)
  } catch (error) {
    if (error instanceof ConfigurationError) return error
    throw error
  }
  throw new Error('the configuration was accepted')
}

describe('what is read', () => {
  it('has the defaults of the table', () => {
    expect(load(sound)).toEqual({
      serviceName: 'orchestrator-dynamic',
      vault: {
        address: 'https://vault.example:8200',
        namespace: undefined,
        ca: undefined,
        timeoutMs: 60_000,
        role: 'orchestrator-dynamic',
        audience: 'vault.neural-hive.local',
        jwtFile: undefined,
        kvMount: 'secret',
        databaseMount: 'database',
        jwtMount: 'jwt',
      },
      spiffe: { endpoint: 'unix:///run/spire/agent.sock', audience: undefined },
      database: {
        host: '127.0.0.1',
        port: 5432,
        name: 'temporal',
        role: 'temporal-orchestrator',
        tls: false,
        poolSize: 10,
      },
      static: { database: undefined, secretsFolder: undefined, secrets: new Map(), peerToken: undefined },
      admin: { host: '127.0.0.1', port: 9464, hosts: [] },
      rotation: { renewFrom: 0.6, renewTo: 0.75, renewBefore: 0.8, drainTimeoutMs: 3_600_000 },
      startTimeoutMs: 60_000,
      shutdownTimeoutMs: 20_000,
      logLevel: 'info',
    })
  })

  it.each<{ name: string; env: Environment; pick: (configuration: Configuration) => unknown; want: unknown }>([
    {
      name: 'BAO_ADDR before VAULT_ADDR',
      env: { BAO_ADDR: 'http://bao:8200' },
      pick: (c) => c.vault?.address,
      want: 'http://bao:8200',
    },
    {
      name: 'a Vault behind a path',
      env: { VAULT_ADDR: 'https://proxy/vault/' },
      pick: (c) => c.vault?.address,
      want: 'https://proxy/vault',
    },
    { name: 'VAULT_NAMESPACE', env: { VAULT_NAMESPACE: 'team/a/' }, pick: (c) => c.vault?.namespace, want: 'team/a' },
    {
      name: 'BAO_NAMESPACE first',
      env: { VAULT_NAMESPACE: 'a', BAO_NAMESPACE: 'b' },
      pick: (c) => c.vault?.namespace,
      want: 'b',
    },
    {
      name: 'VAULT_CLIENT_TIMEOUT in seconds',
      env: { VAULT_CLIENT_TIMEOUT: '5' },
      pick: (c) => c.vault?.timeoutMs,
      want: 5000,
    },
    {
      name: 'VAULT_CLIENT_TIMEOUT as a duration',
      env: { VAULT_CLIENT_TIMEOUT: '1m30s' },
      pick: (c) => c.vault?.timeoutMs,
      want: 90_000,
    },
    {
      name: 'BAO_CLIENT_TIMEOUT first',
      env: { VAULT_CLIENT_TIMEOUT: '5', BAO_CLIENT_TIMEOUT: '7' },
      pick: (c) => c.vault?.timeoutMs,
      want: 7000,
    },
    { name: 'role', env: { CHAVEIRO_VAULT_ROLE: 'r' }, pick: (c) => c.vault?.role, want: 'r' },
    { name: 'KV mount', env: { CHAVEIRO_VAULT_KV_MOUNT: 'team/kv' }, pick: (c) => c.vault?.kvMount, want: 'team/kv' },
    {
      name: 'database mount',
      env: { CHAVEIRO_VAULT_DATABASE_MOUNT: 'db' },
      pick: (c) => c.vault?.databaseMount,
      want: 'db',
    },
    { name: 'JWT mount', env: { CHAVEIRO_VAULT_JWT_MOUNT: 'spire' }, pick: (c) => c.vault?.jwtMount, want: 'spire' },
    { name: 'own audience', env: { CHAVEIRO_SPIFFE_AUDIENCE: 'me' }, pick: (c) => c.spiffe?.audience, want: 'me' },
    {
      name: 'Workload API by TCP',
      env: { SPIFFE_ENDPOINT_SOCKET: 'tcp://127.0.0.1:8000' },
      pick: (c) => c.spiffe?.endpoint,
      want: 'tcp://127.0.0.1:8000',
    },
    { name: 'database port', env: { CHAVEIRO_DATABASE_PORT: '6543' }, pick: (c) => c.database?.port, want: 6543 },
    {
      name: 'TLS by default off loopback',
      env: { CHAVEIRO_DATABASE_HOST: 'db.example' },
      pick: (c) => c.database?.tls,
      want: { ca: undefined },
    },
    {
      name: 'no TLS on a socket',
      env: { CHAVEIRO_DATABASE_HOST: '/run/postgresql' },
      pick: (c) => c.database?.tls,
      want: false,
    },
    {
      name: 'TLS off by order',
      env: { CHAVEIRO_DATABASE_HOST: 'db.example', CHAVEIRO_DATABASE_TLS: 'off' },
      pick: (c) => c.database?.tls,
      want: false,
    },
    { name: 'pool size', env: { CHAVEIRO_DATABASE_POOL_SIZE: '3' }, pick: (c) => c.database?.poolSize, want: 3 },
    {
      name: 'any free admin port',
      env: { CHAVEIRO_ADMIN_ADDRESS: '[::1]:0' },
      pick: (c) => c.admin,
      want: { host: '::1', port: 0, hosts: [] },
    },
    { name: 'no admin server', env: { CHAVEIRO_ADMIN_ENABLED: 'false' }, pick: (c) => c.admin, want: undefined },
    {
      name: 'a remote admin address by order',
      env: { CHAVEIRO_ADMIN_ADDRESS: '0.0.0.0:9000', CHAVEIRO_ADMIN_ALLOW_REMOTE: '1' },
      pick: (c) => c.admin?.host,
      want: '0.0.0.0',
    },
    {
      name: 'admin host names',
      env: { CHAVEIRO_ADMIN_HOSTS: 'Metrics.example, b' },
      pick: (c) => c.admin?.hosts,
      want: ['metrics.example', 'b'],
    },
    {
      name: 'renewal window',
      env: { CHAVEIRO_RENEW_FROM: '0.3', CHAVEIRO_RENEW_TO: '0.4', CHAVEIRO_RENEW_BEFORE: '0.5' },
      pick: (c) => c.rotation.renewTo,
      want: 0.4,
    },
    {
      name: 'drain bound',
      env: { CHAVEIRO_DRAIN_TIMEOUT: '90s' },
      pick: (c) => c.rotation.drainTimeoutMs,
      want: 90_000,
    },
    { name: 'start timeout', env: { CHAVEIRO_START_TIMEOUT: '5m' }, pick: (c) => c.startTimeoutMs, want: 300_000 },
    {
      name: 'shutdown timeout',
      env: { CHAVEIRO_SHUTDOWN_TIMEOUT: '1.5s' },
      pick: (c) => c.shutdownTimeoutMs,
      want: 1500,
    },
    { name: 'log level', env: { CHAVEIRO_LOG_LEVEL: 'debug' }, pick: (c) => c.logLevel, want: 'debug' },
    { name: 'an empty variable as not set', env: { CHAVEIRO_LOG_LEVEL: '' }, pick: (c) => c.logLevel, want: 'info' },
  ])('$name', ({ env, pick, want }) => {
    expect(pick(load({ ...sound, ...env }))).toEqual(want)
  })

  it('reads the file below the environment and above what the code gives', () => {
    const path = file('service: { name: from-file }\nlog: { level: warn }\nvault:\n  timeout: 5s\n')
    const configuration = load(
      { ...sound, CHAVEIRO_CONFIG: path, CHAVEIRO_SERVICE_NAME: 'from-env' },
      { defaults: { 'log.level': 'error', 'database.poolSize': '4' } },
    )
    expect(configuration).toMatchObject({
      serviceName: 'from-env',
      logLevel: 'warn',
      vault: { timeoutMs: 5000 },
      database: { poolSize: 4 },
    })
  })

  it('takes lists in the file as lists', () => {
    expect(load(sound, { file: file('admin:\n  hosts: [a.example, b]\n') }).admin?.hosts).toEqual(['a.example', 'b'])
  })

  it('reads CA files', () => {
    expect(load({ ...sound, VAULT_CACERT: file('PEM\n') }).vault?.ca).toBe('PEM')
  })

  it('reads static credentials, which never show', () => {
    const env = {
      ...staticOnly,
      CHAVEIRO_DATABASE_HOST: '127.0.0.1',
      CHAVEIRO_DATABASE_NAME: 'temporal',
      CHAVEIRO_STATIC_DATABASE_USERNAME: 'app',
      CHAVEIRO_STATIC_DATABASE_PASSWORD_FILE: file('planted-password\n'),
      CHAVEIRO_STATIC_PEER_TOKEN_FILE: file('planted-peer-token'),
      CHAVEIRO_STATIC_SECRET__ORCHESTRATOR__KAFKA__PASSWORD: 'planted-kafka',
    }
    const configuration = load(env)
    expect(configuration.vault).toBeUndefined()
    expect(configuration.spiffe).toBeUndefined()
    expect(configuration.static.database?.username).toBe('app')
    expect(configuration.static.database?.password.expose()).toBe('planted-password')
    expect(configuration.static.peerToken?.expose()).toBe('planted-peer-token')
    expect(configuration.static.secrets.get('ORCHESTRATOR__KAFKA__PASSWORD')?.expose()).toBe('planted-kafka')
    expect(JSON.stringify(configuration)).not.toContain('planted')
  })

  it('does not read static credentials while Vault and SPIFFE are on', () => {
    expect(load({ ...sound, CHAVEIRO_STATIC_DATABASE_PASSWORD_FILE: '/not/there' }).static.database).toBeUndefined()
  })

  it('logs in with a JWT from a file when only SPIFFE is off', () => {
    const jwtFile = file('not-a-jwt')
    const env = { ...sound, CHAVEIRO_SPIFFE_ENABLED: 'false', CHAVEIRO_STATIC_VAULT_JWT_FILE: jwtFile }
    expect(load(env).vault).toMatchObject({ jwtFile, audience: undefined })
  })
})

describe('what is refused, by key, origin and cure', () => {
  it.each<{ env: Environment; key: string }>([
    { env: { CHAVEIRO_VAULT_ENABLED: 'yes' }, key: 'vault.enabled' },
    { env: { CHAVEIRO_SPIFFE_ENABLED: 'TRUE' }, key: 'spiffe.enabled' },
    { env: { CHAVEIRO_ADMIN_ENABLED: 'on' }, key: 'admin.enabled' },
    { env: { CHAVEIRO_ADMIN_ALLOW_REMOTE: '2' }, key: 'admin.allowRemote' },
    { env: { VAULT_ADDR: 'vault:8200' }, key: 'vault.address' },
    { env: { VAULT_ADDR: 'https://user:planted@vault:8200' }, key: 'vault.address' },
    { env: { VAULT_ADDR: 'https://vault:8200/v1/' }, key: 'vault.address' },
    { env: { VAULT_NAMESPACE: '../root' }, key: 'vault.namespace' },
    { env: { VAULT_CLIENT_TIMEOUT: 'soon' }, key: 'vault.timeout' },
    { env: { VAULT_CLIENT_TIMEOUT: '0' }, key: 'vault.timeout' },
    { env: { CHAVEIRO_VAULT_ROLE: 'a/b' }, key: 'vault.role' },
    { env: { CHAVEIRO_VAULT_KV_MOUNT: 'a//b' }, key: 'vault.kvMount' },
    { env: { CHAVEIRO_VAULT_DATABASE_MOUNT: '.' }, key: 'vault.databaseMount' },
    { env: { CHAVEIRO_VAULT_JWT_MOUNT: 'jwt?x' }, key: 'vault.jwtMount' },
    { env: { SPIFFE_ENDPOINT_SOCKET: '/run/agent.sock' }, key: 'spiffe.endpoint' },
    { env: { CHAVEIRO_DATABASE_PORT: '70000' }, key: 'database.port' },
    { env: { CHAVEIRO_DATABASE_PORT: '5432.0' }, key: 'database.port' },
    { env: { CHAVEIRO_DATABASE_ROLE: 'a b' }, key: 'database.role' },
    { env: { CHAVEIRO_DATABASE_TLS: 'require' }, key: 'database.tls' },
    { env: { CHAVEIRO_DATABASE_POOL_SIZE: '0' }, key: 'database.poolSize' },
    { env: { CHAVEIRO_ADMIN_ADDRESS: '9464' }, key: 'admin.address' },
    { env: { CHAVEIRO_ADMIN_ADDRESS: 'host.example:9464' }, key: 'admin.address' },
    { env: { CHAVEIRO_ADMIN_HOSTS: 'a b' }, key: 'admin.hosts' },
    { env: { CHAVEIRO_RENEW_FROM: '60%' }, key: 'rotation.renewFrom' },
    { env: { CHAVEIRO_RENEW_TO: '-0.1' }, key: 'rotation.renewTo' },
    { env: { CHAVEIRO_RENEW_BEFORE: '0.85' }, key: 'rotation.renewBefore' },
    { env: { CHAVEIRO_DRAIN_TIMEOUT: '30' }, key: 'rotation.drainTimeout' },
    { env: { CHAVEIRO_START_TIMEOUT: '48h' }, key: 'start.timeout' },
    { env: { CHAVEIRO_SHUTDOWN_TIMEOUT: '1 m' }, key: 'shutdown.timeout' },
    { env: { CHAVEIRO_LOG_LEVEL: 'trace' }, key: 'log.level' },
    { env: { CHAVEIRO_SERVICE_NAME: 'a service' }, key: 'service.name' },
  ])('a bad value: $env', ({ env, key }) => {
    const error = refused({ ...sound, ...env })
    const [variable = ''] = Object.keys(env)
    expect(error).toMatchObject({
      code: 'ERR_CONFIGURATION_INVALID_VALUE',
      key,
      origin: `environment variable ${variable}`,
    })
    expect(error.cure).toContain(variable)
    expect(error.message).not.toContain('planted')
  })

  it.each<{ name: string; drop?: string[]; env?: Environment; key: string; cure: string }>([
    { name: 'no service name', drop: ['CHAVEIRO_SERVICE_NAME'], key: 'service.name', cure: 'CHAVEIRO_SERVICE_NAME' },
    { name: 'no address', drop: ['VAULT_ADDR'], key: 'vault.address', cure: 'VAULT_ADDR' },
    {
      name: 'no Workload API',
      drop: ['SPIFFE_ENDPOINT_SOCKET'],
      key: 'spiffe.endpoint',
      cure: 'SPIFFE_ENDPOINT_SOCKET',
    },
    { name: 'no audience', drop: ['CHAVEIRO_VAULT_AUDIENCE'], key: 'vault.audience', cure: 'CHAVEIRO_VAULT_AUDIENCE' },
    {
      name: 'no database name',
      drop: ['CHAVEIRO_DATABASE_NAME'],
      key: 'database.name',
      cure: 'CHAVEIRO_DATABASE_NAME',
    },
    {
      name: 'no database role',
      drop: ['CHAVEIRO_DATABASE_ROLE'],
      key: 'database.role',
      cure: 'CHAVEIRO_DATABASE_ROLE',
    },
    {
      name: 'SPIFFE off, no JWT',
      env: { CHAVEIRO_SPIFFE_ENABLED: 'false' },
      key: 'vault.jwtFile',
      cure: 'CHAVEIRO_STATIC_VAULT_JWT_FILE',
    },
    {
      name: 'Vault off, no user',
      env: { CHAVEIRO_VAULT_ENABLED: 'false' },
      key: 'static.databaseUsername',
      cure: 'CHAVEIRO_STATIC_DATABASE_USERNAME',
    },
    {
      name: 'Vault off, no password',
      env: { CHAVEIRO_VAULT_ENABLED: 'false', CHAVEIRO_STATIC_DATABASE_USERNAME: 'app' },
      key: 'static.databasePassword',
      cure: 'CHAVEIRO_STATIC_DATABASE_PASSWORD_FILE',
    },
  ])('missing: $name', ({ drop = [], env = {}, key, cure }) => {
    const kept = Object.fromEntries(
      Object.entries({ ...sound, ...env }).filter(([variable]) => !drop.includes(variable)),
    )
    const error = refused(kept)
    expect(error).toMatchObject({ code: 'ERR_CONFIGURATION_MISSING', key, origin: 'not set' })
    expect(error.cure).toContain(cure)
  })

  it.each<{ name: string; drop?: string[]; env: Environment; key: string }>([
    { name: 'a remote admin address unasked', env: { CHAVEIRO_ADMIN_ADDRESS: '0.0.0.0:9464' }, key: 'admin.address' },
    { name: 'a window that ends before it begins', env: { CHAVEIRO_RENEW_FROM: '0.76' }, key: 'rotation.renewFrom' },
    { name: 'a window without room for a retry', env: { CHAVEIRO_RENEW_TO: '0.8' }, key: 'rotation.renewTo' },
    {
      name: 'a role without a database',
      drop: ['CHAVEIRO_DATABASE_HOST', 'CHAVEIRO_DATABASE_NAME'],
      env: {},
      key: 'database.role',
    },
    { name: 'a CA for plain HTTP', env: { VAULT_ADDR: 'http://vault:8200', VAULT_CACERT: '/ca' }, key: 'vault.caFile' },
    {
      name: 'a CA without TLS',
      env: { CHAVEIRO_DATABASE_TLS: 'off', CHAVEIRO_DATABASE_CACERT: '/ca' },
      key: 'database.caFile',
    },
    {
      name: 'a password twice',
      env: { CHAVEIRO_STATIC_DATABASE_PASSWORD: 'planted', CHAVEIRO_STATIC_DATABASE_PASSWORD_FILE: '/p' },
      key: 'static.databasePasswordFile',
    },
    { name: 'VAULT_SKIP_VERIFY', env: { VAULT_SKIP_VERIFY: 'true' }, key: 'VAULT_SKIP_VERIFY' },
  ])('a contradiction: $name', ({ drop = [], env, key }) => {
    const kept = Object.fromEntries(
      Object.entries({ ...sound, ...env }).filter(([variable]) => !drop.includes(variable)),
    )
    const error = refused(kept)
    expect(error).toMatchObject({ code: 'ERR_CONFIGURATION_CONTRADICTION', key })
    expect(error.message + error.cure).not.toContain('planted')
  })

  it.each([
    { variable: 'CHAVEIRO_VAULT_ENABLE', meant: 'CHAVEIRO_VAULT_ENABLED' },
    { variable: 'CHAVEIRO_DATABSE_HOST', meant: 'CHAVEIRO_DATABASE_HOST' },
  ])('an unknown variable $variable, with what was meant', ({ variable, meant }) => {
    const error = refused({ ...sound, [variable]: 'planted' })
    expect(error).toMatchObject({ code: 'ERR_CONFIGURATION_UNKNOWN_KEY', key: variable })
    expect(error.message).toContain(`did you mean ${meant}?`)
    expect(error.message).not.toContain('planted')
  })

  it('an unknown variable that is like none', () => {
    expect(refused({ ...sound, CHAVEIRO_XYZZY_QUUX: '1' }).message).not.toContain('did you mean')
  })

  it.each([
    'CHAVEIRO_DEBUG',
    'CHAVEIRO_CACHE_DIR',
    'CHAVEIRO_REGISTRY_SERVICE_HOST',
    'CHAVEIRO_REGISTRY_PORT_5432_TCP_ADDR',
    'VAULT_TOKEN',
    'PATH',
  ])('but not %s, which is not for a service', (variable) => {
    expect(load({ ...sound, [variable]: 'x' }).serviceName).toBe('orchestrator-dynamic')
  })

  it.each<{ name: string; yaml: string; code: string; key: string; at: string; meant?: string }>([
    {
      name: 'an unknown key',
      yaml: 'vault:\n  adress: x\n',
      code: 'ERR_CONFIGURATION_UNKNOWN_KEY',
      key: 'vault.adress',
      at: '2:3',
      meant: 'vault.address',
    },
    {
      name: 'an unknown section',
      yaml: 'valt:\n  address: x\n',
      code: 'ERR_CONFIGURATION_UNKNOWN_KEY',
      key: 'valt',
      at: '1:1',
      meant: 'vault',
    },
    {
      name: 'a bad value',
      yaml: 'vault:\n  timeout: soon\n',
      code: 'ERR_CONFIGURATION_INVALID_VALUE',
      key: 'vault.timeout',
      at: '2:12',
    },
    {
      name: 'a boolean of YAML 1.1',
      yaml: 'vault:\n  enabled: yes\n',
      code: 'ERR_CONFIGURATION_INVALID_VALUE',
      key: 'vault.enabled',
      at: '2:12',
    },
    {
      name: 'a mapping for a value',
      yaml: 'vault:\n  address: { host: x }\n',
      code: 'ERR_CONFIGURATION_INVALID_VALUE',
      key: 'vault.address',
      at: '2:12',
    },
    {
      name: 'a value for a section',
      yaml: 'vault: on\n',
      code: 'ERR_CONFIGURATION_INVALID_VALUE',
      key: 'vault',
      at: '1:1',
    },
    {
      name: 'a key twice',
      yaml: 'log: { level: info }\nlog: { level: warn }\n',
      code: 'ERR_CONFIGURATION_FILE',
      key: '',
      at: '2:1',
    },
    { name: 'broken YAML', yaml: 'vault: [\n', code: 'ERR_CONFIGURATION_FILE', key: '', at: '2:1' },
    { name: 'a list', yaml: '- vault\n', code: 'ERR_CONFIGURATION_FILE', key: '', at: '1:1' },
    {
      name: 'a password',
      yaml: 'static:\n  databasePassword: planted\n',
      code: 'ERR_CONFIGURATION_CONTRADICTION',
      key: 'static.databasePassword',
      at: '2:3',
    },
  ])('in the file: $name', ({ yaml, code, key, at, meant }) => {
    const path = file(yaml)
    const error = refused(sound, { file: path })
    expect(error).toMatchObject({ code, key: key === '' ? path : key, origin: `${path}:${at}` })
    if (meant !== undefined) expect(error.message).toContain(`did you mean ${meant}?`)
    expect(error.message).not.toContain('planted')
  })

  it('a file that is not there', () => {
    const error = refused({ ...sound, CHAVEIRO_CONFIG: join(folder, 'absent.yaml') })
    expect(error).toMatchObject({ code: 'ERR_CONFIGURATION_FILE', key: 'CHAVEIRO_CONFIG' })
    expect(error.message).toContain('ENOENT')
  })

  it.each(['VAULT_CACERT', 'CHAVEIRO_DATABASE_CACERT'])('a file named by %s that is not there', (variable) => {
    const error = refused({ ...sound, [variable]: join(folder, 'absent.pem') })
    expect(error).toMatchObject({ code: 'ERR_CONFIGURATION_FILE', origin: `environment variable ${variable}` })
  })

  it('everything at once, so that one run of a service shows all of it', () => {
    const error = refused({ ...sound, CHAVEIRO_LOG_LEVEL: 'loud', CHAVEIRO_ADMIN_ADDRESS: 'x', CHAVEIRO_NOPE: '1' })
    expect(error.problems.map(({ key }) => key).toSorted()).toEqual(['CHAVEIRO_NOPE', 'admin.address', 'log.level'])
  })
})

describe('the documentation of the keys', () => {
  it('has a row for each variable that is read', () => {
    const variables = describeConfiguration().flatMap((row) => row.variables)
    expect(variables).toContain('CHAVEIRO_CONFIG')
    expect(variables).toContain('BAO_ADDR')
    expect(new Set(variables).size).toBe(variables.length)
  })

  it('says of each what it expects and what it is for', () => {
    for (const row of describeConfiguration()) {
      expect(row.expects).not.toBe('')
      expect(row.summary).toMatch(/\.$/)
    }
  })
})
