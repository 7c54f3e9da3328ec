/**
 * The `pg` client that a rotating pool opens: it takes its credential when it is made.
 * @module
 */
import pg from 'pg'
import type { PgCredential } from './credential.js'
import { PostgresError } from './errors.js'
import type { Generations } from './generations.js'

/** Fields in which `pg` keeps a password that it has read; not part of its types. */
interface PasswordHolder {
  password: string | null
  connectionParameters: { password: string | null }
}

type ConnectCallback = Parameters<pg.Client['connect']>[0]

/** Settings for one connection with one credential; the password is a function, so that printing them is harmless. */
export function withCredential(config: pg.ClientConfig, credential: PgCredential): pg.ClientConfig {
  return { ...config, user: credential.username, password: () => credential.password.expose() }
}

/** The class of which `pg.Pool` makes its clients. Each takes the credential that is current when it is made. */
export function clientOf(generations: Generations): new (config?: pg.ClientConfig) => pg.Client {
  return class RotatingClient extends pg.Client {
    readonly #failure: PostgresError | undefined

    constructor(config: pg.ClientConfig = {}) {
      // The pool makes clients where nobody can catch, so that a failure waits until it is connected.
      const credential = tryCurrent(generations)
      super(credential instanceof PostgresError ? config : withCredential(config, credential))
      if (credential instanceof PostgresError) {
        this.#failure = credential
        return
      }
      generations.enter(this)
      this.once('connect', () => forgetPassword(this as unknown as PasswordHolder))
    }

    override connect(): Promise<pg.Client>
    override connect(callback: ConnectCallback): void
    override connect(callback?: ConnectCallback): Promise<pg.Client> | undefined {
      const failure = this.#failure
      if (!callback) return failure ? Promise.reject(failure) : super.connect()
      if (failure) process.nextTick(callback as (error: Error) => void, failure)
      else super.connect(callback)
      return undefined
    }
  }
}

function tryCurrent(generations: Generations): PgCredential | PostgresError {
  try {
    return generations.current()
  } catch (cause) {
    return new PostgresError('ERR_POSTGRES_NO_CREDENTIAL', 'there is no valid credential for the database', {
      cure: 'See why the credential could not be obtained or renewed: it is the cause of this error.',
      cause,
    })
  }
}

/** A connection that stands needs no password any more; `pg` would keep it in memory for as long as it lives. */
function forgetPassword(client: PasswordHolder): void {
  client.password = null
  client.connectionParameters.password = null
}
