/**
 * SPIRE server's API: registration entries, the trust bundle, agents, health.
 * @see https://github.com/spiffe/spire-api-sdk
 * @module
 */
import type { DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { type Clock, systemClock } from '@chaveiro/rotation'
import { methodDefinition } from '@chaveiro/spiffe/grpc-definition'
import * as grpc from '@grpc/grpc-js'
import { type AdminIdentity, adminCredentials } from './admin-credentials.js'
import { entryRecord, readEntry, type SpireEntry } from './entry.js'
import type { EntryApi } from './entry-api.js'
import { SpireServerError, type SpireServerErrorCode } from './errors.js'
import { Agent } from './proto/agent_pb.js'
import { Bundle } from './proto/bundle_pb.js'
import { Entry, type Result } from './proto/entry_pb.js'
import { Health } from './proto/health_pb.js'

/** Where the server's API is: its socket, which only its owner can open, or TCP, which wants an admin's SVID. */
export type SpireServerPlace =
  | { readonly socket: string }
  | { readonly hostAndPort: string; readonly identity: AdminIdentity }

export type SpireServerOptions = SpireServerPlace & {
  /** Bound on each call, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
}

/** An agent that has proven to the server which node it runs on. */
export interface AttestedNode {
  readonly id: string
  readonly attestationType: string
  /** Unix milliseconds. */
  readonly svidExpiresAtMs: number
  readonly banned: boolean
  readonly version: string
}

/** The keys that peers of the trust domain are judged by. */
export interface ServerBundle {
  readonly trustDomain: string
  /** Certificates, DER. */
  readonly x509Authorities: readonly Uint8Array[]
  readonly jwtAuthorities: readonly {
    readonly keyId: string
    readonly expiresAtMs: number
    readonly tainted: boolean
  }[]
}

const pageSize = 500
const serving = 1

/** One connection to the server. Whoever opens it closes it. */
export class SpireServerClient implements EntryApi {
  /** Names the server to people. */
  readonly address: string
  readonly #client: grpc.Client
  readonly #timeoutMs: number
  readonly #clock: Clock

  /** Nothing is connected yet. */
  constructor({ timeoutMs = 10_000, clock = systemClock, ...place }: SpireServerOptions) {
    this.address = 'socket' in place ? `unix:${place.socket}` : `dns:${place.hostAndPort}`
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    const credentials = 'socket' in place ? grpc.credentials.createInsecure() : adminCredentials(place.identity)
    this.#client = new grpc.Client(this.address, credentials, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_http_proxy': 0,
    })
  }

  /** All entries, ours and others'. */
  async listEntries(signal?: AbortSignal): Promise<SpireEntry[]> {
    const entries: SpireEntry[] = []
    let pageToken = ''
    do {
      const page = await this.#call(Entry.method.listEntries, { pageSize, pageToken }, signal)
      entries.push(...page.entries.map(readEntry))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    return entries
  }

  /** @returns undefined when there is none */
  async getEntry(id: string, signal?: AbortSignal): Promise<SpireEntry | undefined> {
    try {
      return readEntry(await this.#call(Entry.method.getEntry, { id }, signal))
    } catch (error) {
      if (error instanceof SpireServerError && error.status === grpc.status.NOT_FOUND) return undefined
      throw error
    }
  }

  /** @throws {SpireServerError} `ERR_SPIRE_SERVER_REFUSED`, for instance when a similar entry exists */
  async createEntry(entry: SpireEntry, signal?: AbortSignal): Promise<void> {
    const { results } = await this.#call(Entry.method.batchCreateEntry, { entries: [entryRecord(entry)] }, signal)
    this.#check(`create entry ${entry.id}`, results[0]?.status)
  }

  /** Sets every field of the entry of that ID. */
  async updateEntry(entry: SpireEntry, signal?: AbortSignal): Promise<void> {
    const request = { entries: [entryRecord(entry)], inputMask: allFields }
    const { results } = await this.#call(Entry.method.batchUpdateEntry, request, signal)
    this.#check(`update entry ${entry.id}`, results[0]?.status)
  }

  /** Harmless when there is none of that ID. */
  async deleteEntry(id: string, signal?: AbortSignal): Promise<void> {
    const { results } = await this.#call(Entry.method.batchDeleteEntry, { ids: [id] }, signal)
    const status = results[0]?.status
    if (status?.code !== grpc.status.NOT_FOUND) this.#check(`delete entry ${id}`, status)
  }

  async bundle(signal?: AbortSignal): Promise<ServerBundle> {
    const { trustDomain, x509Authorities, jwtAuthorities } = await this.#call(Bundle.method.getBundle, {}, signal)
    return {
      trustDomain,
      x509Authorities: x509Authorities.map(({ asn1 }) => asn1),
      jwtAuthorities: jwtAuthorities.map(({ keyId, expiresAt, tainted }) => ({
        keyId,
        expiresAtMs: Number(expiresAt) * 1000,
        tainted,
      })),
    }
  }

  async listAgents(signal?: AbortSignal): Promise<AttestedNode[]> {
    const agents: AttestedNode[] = []
    let pageToken = ''
    do {
      const page = await this.#call(Agent.method.listAgents, { pageSize, pageToken }, signal)
      for (const { id, attestationType, x509svidExpiresAt, banned, agentVersion } of page.agents) {
        agents.push({
          id: id ? `spiffe://${id.trustDomain}${id.path}` : '',
          attestationType,
          svidExpiresAtMs: Number(x509svidExpiresAt) * 1000,
          banned,
          version: agentVersion,
        })
      }
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    return agents
  }

  /** Whether the server calls itself healthy: its datastore is reached, its keys are there. */
  async healthy(signal?: AbortSignal): Promise<boolean> {
    return (await this.#call(Health.method.check, {}, signal)).status === serving
  }

  /** Calling it again is harmless. */
  async close(): Promise<void> {
    this.#client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #call<M extends DescMethodUnary>(
    method: M,
    request: MessageInitShape<M['input']>,
    signal: AbortSignal | undefined,
  ): Promise<MessageShape<M['output']>> {
    signal?.throwIfAborted()
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method)
    let call: grpc.ClientUnaryCall | undefined
    let late = false
    const cancel = (): void => call?.cancel()
    const deadline = this.#clock.schedule(this.#timeoutMs, () => {
      late = true
      cancel()
    })
    signal?.addEventListener('abort', cancel)
    try {
      return await new Promise<MessageShape<M['output']>>((resolve, reject) => {
        call = this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
          error ? reject(error) : resolve(answer as MessageShape<M['output']>),
        )
      })
    } catch (error) {
      signal?.throwIfAborted()
      throw this.#failure(method.name, error as grpc.ServiceError, late)
    } finally {
      deadline.cancel()
      signal?.removeEventListener('abort', cancel)
    }
  }

  #check(what: string, status: Result | undefined): void {
    if (!status || status.code === grpc.status.OK) return
    const { code, message } = status
    throw new SpireServerError('ERR_SPIRE_SERVER_REFUSED', `SPIRE server: ${what}: ${message}`, { status: code })
  }

  #failure(name: string, error: grpc.ServiceError, late: boolean): SpireServerError {
    const code = late ? 'ERR_SPIRE_SERVER_TIMEOUT' : codeOf(error)
    const why = late ? `no answer within ${this.#timeoutMs} ms` : error.details
    return new SpireServerError(code, `SPIRE server at ${this.address}: ${name}: ${why}`, {
      status: error.code,
      cause: error,
    })
  }
}

const allFields = {
  spiffeId: true,
  parentId: true,
  selectors: true,
  x509SvidTtl: true,
  jwtSvidTtl: true,
  dnsNames: true,
  federatesWith: true,
  hint: true,
  admin: true,
  downstream: true,
  storeSvid: true,
}

function codeOf({ code, details }: grpc.ServiceError): SpireServerErrorCode {
  if (code === grpc.status.UNAVAILABLE) {
    return details.includes('EACCES') ? 'ERR_SPIRE_SERVER_SOCKET_DENIED' : 'ERR_SPIRE_SERVER_UNREACHABLE'
  }
  if (code === grpc.status.PERMISSION_DENIED || code === grpc.status.UNAUTHENTICATED) {
    return 'ERR_SPIRE_SERVER_PERMISSION_DENIED'
  }
  return 'ERR_SPIRE_SERVER_REFUSED'
}
