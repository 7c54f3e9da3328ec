/**
 * The real stack: HashiCorp Vault, SPIRE and PostgreSQL on loopback, each a process of its own.
 * @module
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Secret } from '@chaveiro/rotation'
import type { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { PostgresServer } from './postgres/server.js'
import { RealSpire } from './real/spire.js'
import { RealVault } from './real/vault.js'
import { WorkloadRunner } from './real/workload-runner.js'
import type { Admission, ServerVersion, Stack, StackOptions } from './stack.js'
import { startTogether } from './start-together.js'

export interface RealStackOptions extends StackOptions {
  /** Files and folders that the services read; decides how their processes are told apart. */
  readonly reads: readonly string[]
}

interface Parts {
  readonly vault: RealVault
  readonly spire: RealSpire
  readonly postgres: PostgresServer
  readonly runner: WorkloadRunner
}

/** Three servers and the way to give processes their identities. */
export class RealStack implements Stack {
  readonly kind = 'real'
  readonly #parts: Parts
  #servers: readonly ServerVersion[] = []
  #closed: Promise<void> | undefined

  private constructor(
    readonly trustDomain: TrustDomain,
    readonly folder: string,
    parts: Parts,
  ) {
    this.#parts = parts
  }

  /** @throws {DevError} when a program is missing or does not start; what had started is stopped again */
  static async start(options: RealStackOptions): Promise<RealStack> {
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-real-'))
    // Services under other uids pass through to the Workload API's socket; what is private is so by itself.
    await chmod(folder, 0o711)
    const parts = await startParts(folder, options).catch(async (error: unknown) => {
      await rm(folder, { recursive: true, force: true })
      throw error
    })
    const stack = new RealStack(options.trustDomain, folder, parts)
    try {
      stack.#servers = await versionsOf(parts)
      for (const line of stack.#choices()) options.note?.(line)
      return stack
    } catch (error) {
      await stack.close()
      throw error
    }
  }

  get servers(): readonly ServerVersion[] {
    return this.#servers
  }

  #choices(): string[] {
    const { vault, spire, postgres, runner } = this.#parts
    const [vaultServer, spireServer] = this.servers
    return [
      `folder      ${this.folder}`,
      `Vault       ${vaultServer?.version} at ${vault.address} (dev mode, in memory)`,
      `SPIRE       ${spireServer?.version}, Workload API at ${spire.workloadApiEndpoint}, keys at ${spire.jwksUrl}`,
      `PostgreSQL  ${postgres.version} at ${postgres.host}:${postgres.port}`,
      `identities  ${runner.explanation}`,
    ]
  }

  get vault(): { address: string; rootToken: Secret } {
    return this.#parts.vault
  }

  get jwksUrl(): string {
    return this.#parts.spire.jwksUrl
  }

  get database(): PostgresServer {
    return this.#parts.postgres
  }

  get env(): Readonly<Record<string, string>> {
    const { spire } = this.#parts
    return { SPIFFE_ENDPOINT_SOCKET: spire.workloadApiEndpoint, SPIRE_SERVER_SOCKET: spire.serverSocket }
  }

  async entryVariables(names: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const { spire, runner } = this.#parts
    const pairs = names.map(async (name) => `${name}=${(await runner.place(name)).selectors.join(',')}`)
    return { CHAVEIRO_SPIRE_PARENT: spire.agentId, CHAVEIRO_SPIRE_SELECTORS: (await Promise.all(pairs)).join(';') }
  }

  /** An entry that an operator has made for it is used as it is. */
  async admit(name: string, id: SpiffeId): Promise<Admission> {
    const { spire, runner } = this.#parts
    const { selectors, spawnOptions } = await runner.place(name)
    const wanted = [id.toString(), ...selectors].join()
    const found = (await spire.entries()).find((entry) => [entry.id, ...entry.selectors].join() === wanted)
    const { entryId } = found ?? (await spire.createEntry({ id: id.toString(), selectors }))
    await spire.waitForEntry(entryId)
    return { env: { SPIFFE_ENDPOINT_SOCKET: spire.workloadApiEndpoint }, ...spawnOptions }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { vault, spire, postgres } = this.#parts
    await Promise.all([vault.close(), spire.close(), postgres.close()])
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function startParts(folder: string, { trustDomain, ttls, reads }: RealStackOptions): Promise<Parts> {
  const runner = await WorkloadRunner.choose({ folder, reads })
  const servers = await startTogether<Omit<Parts, 'runner'>>({
    vault: () => RealVault.start({ folder }),
    spire: () =>
      RealSpire.start({
        folder,
        trustDomain: trustDomain.name,
        x509TtlSeconds: ttls.x509SvidSeconds,
        jwtTtlSeconds: ttls.jwtSvidSeconds,
      }),
    postgres: () => PostgresServer.start({ folder }),
  })
  return { ...servers, runner }
}

async function versionsOf({ vault, spire, postgres }: Parts): Promise<ServerVersion[]> {
  return [
    { name: 'HashiCorp Vault', version: await vault.version() },
    { name: 'SPIRE', version: await spire.version() },
    { name: 'PostgreSQL', version: postgres.version },
  ]
}
