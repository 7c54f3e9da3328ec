/**
 * Which connection was made with which credential. Every credential that comes into use begins a generation;
 * connections of earlier generations are retired, and are waited for here until the last one is gone.
 * @module
 */
import type pg from 'pg'
import { type PgCredential, sameCredential } from './credential.js'
import { PostgresError } from './errors.js'

interface Connection {
  readonly generation: number
  inUse: boolean
}

/** The book of one pool's connections. */
export class Generations {
  readonly #read: () => PgCredential
  readonly #connections = new Map<pg.Client, Connection>()
  readonly #onBegin = new Set<() => void>()
  readonly #onEnd = new Set<() => void>()
  #latest = 0
  #credential: PgCredential | undefined
  /** What the last hand-over replaced; the source of credentials may go on naming it for a moment. */
  #replaced: PgCredential | undefined
  #handovers = 0

  constructor(read: () => PgCredential) {
    this.#read = read
  }

  /** Number of the generation in use; 0 before the first connection. */
  get latest(): number {
    return this.#latest
  }

  /** Role of the generation in use. */
  get username(): string {
    return this.#credential?.username ?? ''
  }

  /**
   * The credential for a new connection.
   * @throws what the source of credentials throws
   */
  current(): PgCredential {
    if (this.#handovers > 0 && this.#credential) return this.#credential
    const said = this.#read()
    const late = this.#replaced !== undefined && sameCredential(said, this.#replaced)
    if (!late || !this.#credential) this.#use(said)
    return this.#credential ?? said
  }

  /** Takes the next credential into use, whatever the source of credentials says until `release` is called. */
  handOver(next: PgCredential): { generation: number; release: () => void } {
    if (this.#credential && !sameCredential(this.#credential, next)) this.#replaced = this.#credential
    this.#use(next)
    this.#handovers += 1
    const release = (): void => {
      this.#handovers -= 1
    }
    return { generation: this.#latest, release }
  }

  #use(credential: PgCredential): void {
    if (this.#credential && sameCredential(this.#credential, credential)) return
    this.#credential = credential
    this.#latest += 1
    for (const tell of [...this.#onBegin]) tell()
  }

  /** Calls `listener` whenever a generation begins; the returned function ends that. */
  onBegin(listener: () => void): () => void {
    this.#onBegin.add(listener)
    return () => this.#onBegin.delete(listener)
  }

  /** Enters a connection that is about to be made with {@link current}; it leaves by its own `end` event. */
  enter(client: pg.Client): void {
    this.#connections.set(client, { generation: this.#latest, inUse: false })
    client.once('end', () => {
      this.#connections.delete(client)
      for (const tell of [...this.#onEnd]) tell()
    })
  }

  /** Notes whether somebody has checked the connection out. */
  setInUse(client: pg.Client, inUse: boolean): void {
    const connection = this.#connections.get(client)
    if (connection) connection.inUse = inUse
  }

  isInUse(client: pg.Client): boolean {
    return this.#connections.get(client)?.inUse ?? false
  }

  /** Whether the connection was made with an earlier credential than the one in use. */
  isRetired(client: pg.Client): boolean {
    return (this.#connections.get(client)?.generation ?? this.#latest) < this.#latest
  }

  /** Connections of generations before `generation`. */
  countBefore(generation: number): number {
    return this.#before(generation).length
  }

  #before(generation: number): [pg.Client, Connection][] {
    return [...this.#connections].filter(([, connection]) => connection.generation < generation)
  }

  /** Resolves when no connection of a generation before `generation` is left. */
  drained(generation: number): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.countBefore(generation) > 0) return
        this.#onEnd.delete(check)
        resolve()
      }
      this.#onEnd.add(check)
      check()
    })
  }

  /**
   * Cuts every connection of generations before `generation`. Queries that run on them reject with
   * ERR_POSTGRES_CREDENTIAL_ENDED.
   * @returns how many were in use
   */
  cutBefore(generation: number): number {
    const old = this.#before(generation)
    // Without a farewell to the server, which may be what does not answer.
    for (const [client, { inUse }] of old) client.connection.stream.destroy(inUse ? credentialEnded() : undefined)
    return old.filter(([, { inUse }]) => inUse).length
  }
}

function credentialEnded(): PostgresError {
  return new PostgresError('ERR_POSTGRES_CREDENTIAL_ENDED', 'this session was ended: its credential is at its end', {
    cure: 'Keep transactions shorter than the life of a database credential, or raise max_ttl of the role.',
  })
}
