/**
 * The embedded stack: a Workload API and a Vault-compatible server within this process, in memory, and a real
 * PostgreSQL. For a machine with nothing but Node; never for anything that matters.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { DevAuthority } from './authority/dev-authority.js'
import { PostgresServer } from './postgres/server.js'
import type { Admission, ServerVersion, Stack, StackOptions } from './stack.js'
import { startTogether } from './start-together.js'
import { DevVault } from './vault/dev-vault.js'
import { DevWorkloadApi } from './workload-api/dev-workload-api.js'

interface Parts {
  readonly vault: DevVault
  readonly workloadApi: DevWorkloadApi
  readonly postgres: PostgresServer
}

/** Two servers in this process and one beside it. */
export class EmbeddedStack implements Stack {
  readonly kind = 'embedded'
  readonly servers: readonly ServerVersion[]
  readonly #parts: Parts
  /** Socket of the first workload that was admitted: whom a shell that sources the env file is. */
  #endpoint: string | undefined
  #closed: Promise<void> | undefined

  private constructor(
    readonly trustDomain: TrustDomain,
    readonly folder: string,
    parts: Parts,
  ) {
    this.#parts = parts
    this.servers = [
      { name: 'Vault-compatible server (embedded)', version: 'embedded' },
      { name: 'SPIFFE Workload API (embedded)', version: 'embedded' },
      { name: 'PostgreSQL', version: parts.postgres.version },
    ]
  }

  /** @throws {DevError} when PostgreSQL does not start; what had started is stopped again */
  static async start({ trustDomain, ttls, note = () => {} }: StackOptions): Promise<EmbeddedStack> {
    // Short, because the path of a unix socket may not have more than about 100 characters.
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-dev-'))
    try {
      const authority = await DevAuthority.create({
        trustDomain,
        x509TtlSeconds: ttls.x509SvidSeconds,
        jwtTtlSeconds: ttls.jwtSvidSeconds,
      })
      const parts = await startTogether<{ [K in keyof Parts]: Parts[K] }>({
        vault: () => DevVault.start(),
        workloadApi: () => DevWorkloadApi.start({ authority, folder: join(folder, 'id') }),
        postgres: () => PostgresServer.start(),
      })
      const { vault, workloadApi, postgres } = parts
      note(`folder      ${folder}`)
      note(`Vault       embedded, in memory, at ${vault.address}`)
      note(
        `SPIFFE      embedded, a Workload API socket for each service in ${join(folder, 'id')}, keys at ${workloadApi.jwksUrl}`,
      )
      note(`PostgreSQL  ${postgres.version} at ${postgres.host}:${postgres.port}`)
      return new EmbeddedStack(trustDomain, folder, parts)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Also to seal and unseal. */
  get vault(): DevVault {
    return this.#parts.vault
  }

  get jwksUrl(): string {
    return this.#parts.workloadApi.jwksUrl
  }

  get database(): PostgresServer {
    return this.#parts.postgres
  }

  get env(): Readonly<Record<string, string>> {
    return this.#endpoint === undefined ? {} : { SPIFFE_ENDPOINT_SOCKET: this.#endpoint }
  }

  async entryVariables(): Promise<Readonly<Record<string, string>>> {
    return {}
  }

  async admit(name: string, id: SpiffeId): Promise<Admission> {
    const endpoint = await this.#parts.workloadApi.addWorkload({ id, socketName: `${name}.sock` })
    this.#endpoint ??= endpoint
    return { env: { SPIFFE_ENDPOINT_SOCKET: endpoint }, execPath: process.execPath }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { vault, workloadApi, postgres } = this.#parts
    await vault.close()
    await workloadApi.close()
    await postgres.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}
