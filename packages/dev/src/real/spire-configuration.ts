/**
 * What SPIRE's programs are told, as JSON, which they read as they read HCL.
 * @module
 * @see SPIRE 1.15, doc/spire_server.md and doc/spire_agent.md
 */

/**
 * TTLs in seconds. SPIRE caps an SVID's life at its authority's, of which a sixth is certain to be left. It has no
 * shortest TTL, but dates certificates 10 s back and renews at half of that longer life: below about 15 s an
 * X.509-SVID is made anew at every sync.
 */
export interface SpireLifetimes {
  /** X.509 authority and JWT signing key. Default 86 400. */
  readonly caTtlSeconds: number
  /** X.509-SVIDs of entries that name no TTL. Default 3600. */
  readonly x509TtlSeconds: number
  /** JWT-SVIDs of entries that name no TTL. Default 300. */
  readonly jwtTtlSeconds: number
}

/** `memory`: keys end with the process. `disk`: a server or agent that starts again is who it was. */
export type SpireKeyManager = 'memory' | 'disk'

/** Where everything is in the folder of one SPIRE. */
export interface SpirePaths {
  readonly serverFolder: string
  readonly serverSocket: string
  readonly bundle: string
  readonly agentFolder: string
  readonly joinToken: string
  readonly agentSocket: string
}

interface ServerConfiguration {
  trustDomain: string
  port: number
  lifetimes: SpireLifetimes
  syncIntervalMs: number
  keyManager: SpireKeyManager
  paths: SpirePaths
}

/** An agent lives long however short its workloads' SVIDs are, so that a pause does not end it. */
const agentTtlSeconds = 3600
const seconds = (count: number): string => `${count}s`

function keyManagerPlugin(kind: SpireKeyManager, disk: Record<string, string>): object {
  return kind === 'disk' ? { disk: { plugin_data: disk } } : { memory: { plugin_data: {} } }
}

export function serverConfiguration(options: ServerConfiguration): object {
  const { trustDomain, port, lifetimes, syncIntervalMs, keyManager, paths } = options
  return {
    server: {
      bind_address: '127.0.0.1',
      bind_port: String(port),
      trust_domain: trustDomain,
      data_dir: paths.serverFolder,
      socket_path: paths.serverSocket,
      log_level: 'INFO',
      ca_ttl: seconds(lifetimes.caTtlSeconds),
      agent_ttl: seconds(Math.min(agentTtlSeconds, lifetimes.caTtlSeconds)),
      default_x509_svid_ttl: seconds(lifetimes.x509TtlSeconds),
      default_jwt_svid_ttl: seconds(lifetimes.jwtTtlSeconds),
      // Beside the agent's sync interval this is what a new entry waits for.
      experimental: { cache_reload_interval: `${syncIntervalMs}ms` },
    },
    plugins: {
      DataStore: {
        sql: {
          plugin_data: { database_type: 'sqlite3', connection_string: `${paths.serverFolder}/datastore.sqlite3` },
        },
      },
      NodeAttestor: { join_token: { plugin_data: {} } },
      KeyManager: keyManagerPlugin(keyManager, { keys_path: `${paths.serverFolder}/keys.json` }),
    },
  }
}

interface AgentConfiguration {
  trustDomain: string
  serverPort: number
  syncIntervalMs: number
  keyManager: SpireKeyManager
  paths: SpirePaths
}

export function agentConfiguration(options: AgentConfiguration): object {
  const { trustDomain, serverPort, syncIntervalMs, keyManager, paths } = options
  return {
    agent: {
      data_dir: paths.agentFolder,
      // Tells of each entry that arrives, which the agent can be asked in no other way.
      log_level: 'DEBUG',
      log_format: 'json',
      trust_domain: trustDomain,
      server_address: '127.0.0.1',
      server_port: String(serverPort),
      socket_path: paths.agentSocket,
      trust_bundle_path: paths.bundle,
      join_token_file: paths.joinToken,
      experimental: { sync_interval: `${syncIntervalMs}ms` },
    },
    plugins: {
      NodeAttestor: { join_token: { plugin_data: {} } },
      KeyManager: keyManagerPlugin(keyManager, { directory: paths.agentFolder }),
      WorkloadAttestor: { unix: { plugin_data: { discover_workload_path: true } } },
    },
  }
}

/** JSON Web Key Set of the trust domain, over HTTP on loopback: for Vault's `jwks_url`. */
export function discoveryProviderConfiguration(port: number, paths: SpirePaths): object {
  return {
    log_level: 'info',
    domains: ['127.0.0.1'],
    allow_insecure_scheme: true,
    insecure_addr: `127.0.0.1:${port}`,
    server_api: { address: `unix://${paths.serverSocket}`, poll_interval: '1s' },
  }
}
