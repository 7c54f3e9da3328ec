/**
 * From checked values to the configuration, reading the files that they name.
 * @module
 */
import { readFileSync } from 'node:fs'
import { Secret } from '@chaveiro/rotation'
import type {
  Configuration,
  DatabaseConfiguration,
  SpiffeConfiguration,
  StaticConfiguration,
  VaultConfiguration,
} from './configuration.js'
import { isLoopback, type OriginOf } from './contradictions.js'
import type { Environment } from './environment.js'
import type { ConfigurationProblem } from './errors.js'
import { type ConfigurationValues, staticSecretPrefix } from './keys.js'

/** The configuration, which is usable only when there is no problem. */
interface Assembled {
  readonly configuration: Configuration
  readonly problems: readonly ConfigurationProblem[]
}

type PathOfFile =
  | 'vault.caFile'
  | 'vault.jwtFile'
  | 'database.caFile'
  | 'static.databasePasswordFile'
  | 'static.peerTokenFile'
/** The text of a named file without the space around it; undefined when none is named. */
type ContentOf = (path: PathOfFile) => string | undefined

/** @param values - with defaults applied and without contradictions */
export function assemble(values: ConfigurationValues, env: Environment, origin: OriginOf): Assembled {
  const problems: ConfigurationProblem[] = []
  const contentOf: ContentOf = (path) => {
    const file = values[path]
    if (file === undefined) return undefined
    const content = readNamedFile(file)
    if (typeof content === 'string') return content
    problems.push({ code: 'ERR_CONFIGURATION_FILE', key: path, origin: origin(path), ...content })
    return undefined
  }
  const configuration: Configuration = {
    serviceName: values['service.name'] ?? '',
    vault: vaultOf(values, contentOf),
    spiffe: spiffeOf(values),
    database: databaseOf(values, contentOf),
    static: staticOf(values, env, contentOf),
    admin: values['admin.enabled'] ? { ...values['admin.address'], hosts: values['admin.hosts'] ?? [] } : undefined,
    rotation: {
      renewFrom: values['rotation.renewFrom'],
      renewTo: values['rotation.renewTo'],
      renewBefore: values['rotation.renewBefore'],
      drainTimeoutMs: values['rotation.drainTimeout'],
    },
    startTimeoutMs: values['start.timeout'],
    shutdownTimeoutMs: values['shutdown.timeout'],
    logLevel: values['log.level'],
  }
  return { configuration, problems }
}

function readNamedFile(file: string): string | { message: string; cure: string } {
  try {
    const content = readFileSync(file, 'utf8').trim()
    if (content !== '') return content
    return { message: `names the file ${file}, which is empty`, cure: `Fill ${file}, or name another file.` }
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    return {
      message: `names the file ${file}, which cannot be read (${reason})`,
      cure: `Make ${file} readable for this process, or name another file.`,
    }
  }
}

function vaultOf(values: ConfigurationValues, contentOf: ContentOf): VaultConfiguration | undefined {
  const address = values['vault.address']
  if (!values['vault.enabled'] || address === undefined) return undefined
  const withSpiffe = values['spiffe.enabled']
  // Read once here only to refuse a missing file at the start; each login reads it anew.
  if (!withSpiffe) contentOf('vault.jwtFile')
  return {
    address,
    namespace: values['vault.namespace'],
    ca: contentOf('vault.caFile'),
    timeoutMs: values['vault.timeout'],
    role: values['vault.role'] ?? values['service.name'] ?? '',
    audience: withSpiffe ? values['vault.audience'] : undefined,
    jwtFile: withSpiffe ? undefined : values['vault.jwtFile'],
    kvMount: values['vault.kvMount'],
    databaseMount: values['vault.databaseMount'],
    jwtMount: values['vault.jwtMount'],
  }
}

function spiffeOf(values: ConfigurationValues): SpiffeConfiguration | undefined {
  const endpoint = values['spiffe.endpoint']
  if (!values['spiffe.enabled'] || endpoint === undefined) return undefined
  return { endpoint, audience: values['spiffe.audience'] }
}

function databaseOf(values: ConfigurationValues, contentOf: ContentOf): DatabaseConfiguration | undefined {
  const host = values['database.host']
  if (host === undefined) return undefined
  const near = isLoopback(host) || host.startsWith('/')
  const tls = values['database.tls'] ?? (near && values['database.caFile'] === undefined ? 'off' : 'verify')
  return {
    host,
    port: values['database.port'],
    name: values['database.name'] ?? '',
    role: values['vault.enabled'] ? values['database.role'] : undefined,
    tls: tls === 'off' ? false : { ca: contentOf('database.caFile') },
    poolSize: values['database.poolSize'],
  }
}

/** Only the credentials that are in use are read: while Vault and SPIFFE are on, the rest may still be on its way. */
function staticOf(values: ConfigurationValues, env: Environment, contentOf: ContentOf): StaticConfiguration {
  if (values['vault.enabled'] && values['spiffe.enabled']) {
    return { database: undefined, secretsFolder: undefined, secrets: new Map(), peerToken: undefined }
  }
  const secrets = Object.entries(env).filter(([name, value]) => name.startsWith(staticSecretPrefix) && value)
  const username = values['static.databaseUsername']
  const inUse = !values['vault.enabled'] && values['database.host'] !== undefined
  const password = inUse ? (values['static.databasePassword'] ?? contentOf('static.databasePasswordFile')) : undefined
  const peerToken = values['spiffe.enabled'] ? undefined : contentOf('static.peerTokenFile')
  return {
    database:
      username === undefined || password === undefined ? undefined : { username, password: new Secret(password) },
    secretsFolder: values['static.secretsFolder'],
    secrets: new Map(secrets.map(([name, value]) => [name.slice(staticSecretPrefix.length), new Secret(value ?? '')])),
    peerToken: peerToken === undefined ? undefined : new Secret(peerToken),
  }
}
