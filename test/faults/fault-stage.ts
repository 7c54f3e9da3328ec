/**
 * The real servers, one service in this process with proxies in between, and load that never stops.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  leftBehind,
  PostgresServer,
  prepareStack,
  RealSpire,
  RealVault,
  type Stack,
  sampleServices,
} from '@chaveiro/dev'
import { VaultIntegration } from '@chaveiro/integration'
import { readManifest } from '@chaveiro/operations'
import { SpiffeId } from '@chaveiro/spiffe'
import { VaultClient } from '@chaveiro/vault'
import { FaultProxy } from './fault-proxy.js'
import { lives } from './lives.js'
import { Load } from './load.js'

const manifestFile = new URL('../../examples/chaveiro.yaml', import.meta.url)

export class FaultStage implements AsyncDisposable {
  /** What the service wrote. */
  readonly log: string[] = []
  /** Makes a process the orchestrator of the sample platform. */
  env: Record<string, string> = {}
  service!: VaultIntegration
  load!: Load
  /** Bears the root token, and goes past the proxies. */
  readonly admin: VaultClient

  private constructor(
    readonly vault: RealVault,
    readonly spire: RealSpire,
    readonly postgres: PostgresServer,
    readonly vaultProxy: FaultProxy,
    readonly spireProxy: FaultProxy,
    readonly postgresProxy: FaultProxy,
    readonly stack: Stack,
  ) {
    this.admin = new VaultClient({ address: vault.address, token: () => vault.rootToken })
  }

  static async start(): Promise<FaultStage> {
    const manifest = shortened(readManifest(await readFile(manifestFile, 'utf8'), manifestFile.pathname))
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-faults-'))
    const [vault, spire, postgres] = await Promise.all([
      RealVault.start({ folder, storage: 'raft' }),
      RealSpire.start({ folder, jwtTtlSeconds: 30, x509TtlSeconds: 60, keyManager: 'disk' }),
      PostgresServer.start(),
    ])
    const vaultProxy = await FaultProxy.start(() => Number(new URL(vault.address).port))
    const postgresProxy = await FaultProxy.start(() => postgres.port)
    const spireProxy = await FaultProxy.start(() => spire.agentSocket, join(folder, 'agent-proxy.sock'))
    const close = (): Promise<void> => Promise.resolve()
    const stack: Stack = {
      kind: 'real',
      servers: [],
      trustDomain: manifest.trustDomain,
      folder,
      vault,
      jwksUrl: spire.jwksUrl,
      database: postgres,
      env: {},
      entryVariables: () => Promise.resolve({}),
      admit: () => Promise.reject(new Error('the workload is this process')),
      close,
      [Symbol.asyncDispose]: close,
    }
    const stage = new FaultStage(vault, spire, postgres, vaultProxy, spireProxy, postgresProxy, stack)
    await prepareStack(stack, manifest)
    await stage.#admit()
    return stage
  }

  async #admit(): Promise<void> {
    const sample = sampleServices.find(({ name }) => name === 'orchestrator-dynamic')
    if (!sample) throw new Error('the sample platform has an orchestrator')
    const id = SpiffeId.of(this.stack.trustDomain, sample.path).toString()
    // The agent attests who is at the other end of its socket: the proxy, which is this process.
    const entry = await this.spire.createEntry({ id, selectors: [`unix:uid:${process.getuid?.()}`] })
    await this.spire.waitForEntry(entry.entryId)
    this.env = {
      ...sample.env(this.stack, '127.0.0.1:1'),
      VAULT_ADDR: `http://127.0.0.1:${this.vaultProxy.place}`,
      CHAVEIRO_DATABASE_PORT: String(this.postgresProxy.place),
      CHAVEIRO_START_TIMEOUT: '30s',
      SPIFFE_ENDPOINT_SOCKET: `unix://${this.spireProxy.place}`,
    }
  }

  /** Starts the service in this process, and its load. */
  async serve(): Promise<void> {
    const { env, log } = this
    this.service = await VaultIntegration.start({ env, logStream: { write: (line: string) => log.push(line) } })
    this.load = new Load(this.service)
  }

  /** What Vault and PostgreSQL still know of the service once it is closed. */
  async leftBehind(): ReturnType<typeof leftBehind> {
    return leftBehind(this.stack)
  }

  async close(): Promise<void> {
    await this.load?.stop()
    await this.service?.close()
    for (const proxy of [this.vaultProxy, this.spireProxy, this.postgresProxy]) await proxy.close()
    await this.admin.close()
    for (const server of [this.vault, this.spire, this.postgres]) await server.close()
    await rm(this.stack.folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function shortened(manifest: ReturnType<typeof readManifest>): ReturnType<typeof readManifest> {
  const role = { ttl: lives.leaseSeconds, maxTtl: lives.leaseMaxSeconds }
  return {
    ...manifest,
    vault: { ...manifest.vault, token: { ttl: lives.tokenSeconds, maxTtl: 3600 } },
    databases: manifest.databases.map((database) => ({
      ...database,
      roles: database.roles.map((each) => ({ ...each, ...role })),
    })),
  }
}
