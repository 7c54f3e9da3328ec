/**
 * Carrying out a request: token, time-out, the few retries of a read, and the events that tell of it.
 * @module
 */
import { type Clock, Secret, sleep } from '@chaveiro/rotation'
import { abortable } from './abortable.js'
import { readAnswer } from './answer.js'
import { requestTarget } from './api-path.js'
import { replyLost, type VaultRequestStatus, type VaultState, vaultRequest, vaultStateSeen } from './channels.js'
import { connectionError } from './connection-error.js'
import { Deadline } from './deadline.js'
import { VaultError, type VaultErrorCode, vaultError } from './errors.js'
import type { VaultRequest, VaultResponse } from './request.js'
import type { HttpExchange, HttpRequest } from './transport.js'

/** The token to send, asked for at each request. */
export type TokenProvider = () => Secret | string | undefined | Promise<Secret | string | undefined>

export interface RequesterOptions {
  readonly transport: HttpExchange
  readonly clock: Clock
  /** For a whole request, its retries included. */
  readonly timeoutMs: number
  readonly namespace: string | undefined
}

const sendsAtMost = 3
const firstPauseMs = 100
const longestPauseMs = 2000

/** Failures that may be gone a moment later. */
const passing: ReadonlySet<VaultErrorCode> = new Set([
  'ERR_VAULT_UNREACHABLE',
  'ERR_VAULT_STANDBY',
  'ERR_VAULT_RATE_LIMITED',
  'ERR_VAULT_BACKEND_UNAVAILABLE',
])

/** What counts and tells of one request. */
interface Course {
  readonly startedMs: number
  attempts: number
  httpStatus?: number
}

export class Requester {
  readonly #options: RequesterOptions
  #state: VaultState | undefined

  constructor(options: RequesterOptions) {
    this.#options = options
  }

  /** @throws {VaultError}, or the signal's reason when the caller aborts */
  async perform<T>(request: VaultRequest, provider: TokenProvider | undefined): Promise<VaultResponse<T>> {
    const { clock, timeoutMs } = this.#options
    const course: Course = { startedMs: clock.monotonicMs(), attempts: 0 }
    const deadline = new Deadline(clock, timeoutMs, request.signal)
    try {
      const token = request.anonymous ? undefined : await abortable(Promise.resolve(provider?.()), deadline.signal)
      const response = await this.#tryRepeatedly<T>(request, asSecret(token), deadline, course)
      this.#tell(request, course, response)
      return response
    } catch (error) {
      const failure = this.#failure(error, request, deadline, course)
      this.#tellFailure(request, course, failure)
      throw failure
    } finally {
      deadline.end()
    }
  }

  close(): Promise<void> {
    return this.#options.transport.close()
  }

  async #tryRepeatedly<T>(
    request: VaultRequest,
    token: Secret | undefined,
    { signal }: Deadline,
    course: Course,
  ): Promise<VaultResponse<T>> {
    for (;;) {
      try {
        return await this.#send<T>(request, token, signal, course)
      } catch (error) {
        const again = request.idempotent && course.attempts < sendsAtMost && !signal.aborted
        const pauseMs = again ? this.#pauseMs(error, course.attempts) : undefined
        if (pauseMs === undefined) throw error
        await sleep(this.#options.clock, pauseMs, signal)
      }
    }
  }

  async #send<T>(
    request: VaultRequest,
    token: Secret | undefined,
    signal: AbortSignal,
    course: Course,
  ): Promise<VaultResponse<T>> {
    const { operation, path } = request
    const http = this.#httpRequest(request, token)
    if (signal.aborted) throw signal.reason
    course.attempts += 1
    const response = await this.#options.transport.exchange(http, signal).catch((error: unknown) => {
      throw signal.aborted ? error : connectionError(error, { operation, path })
    })
    course.httpStatus = response.status
    return readAnswer<T>(request, response, secretsIn(request, token))
  }

  #httpRequest(request: VaultRequest, token: Secret | undefined): HttpRequest {
    const { method, body, operation, path } = request
    const target = requestTarget(request)
    if (target === undefined) {
      throw vaultError('ERR_VAULT_INVALID_REQUEST', 'a path has no empty segment, no "." and no ".."', {
        operation,
        path,
      })
    }
    const { namespace } = this.#options
    return {
      method: method === 'LIST' ? 'GET' : method,
      target,
      headers: {
        'x-vault-request': 'true',
        ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
        ...(token && { 'x-vault-token': token.expose() }),
        ...(body && { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }),
      },
      body: body && JSON.stringify(body),
    }
  }

  /** Full jitter. What Vault asks for is honoured when it is short; else the caller is told, and decides. */
  #pauseMs(error: unknown, attempts: number): number | undefined {
    if (!(error instanceof VaultError) || !passing.has(error.code)) return undefined
    const askedMs = error.retryAfterMs ?? 0
    if (askedMs > longestPauseMs) return undefined
    const ceilingMs = Math.min(longestPauseMs, firstPauseMs * 2 ** attempts)
    return askedMs + this.#options.clock.random() * ceilingMs
  }

  #failure(error: unknown, { operation, path, signal }: VaultRequest, deadline: Deadline, course: Course): unknown {
    if (error instanceof VaultError) return error
    if (!deadline.expired || signal?.aborted) return error
    const seconds = this.#options.timeoutMs / 1000
    return vaultError('ERR_VAULT_TIMEOUT', `no answer within ${seconds} s`, {
      operation,
      path,
      outcomeUnknown: course.attempts > 0,
      cause: error,
    })
  }

  #tell(request: VaultRequest, course: Course, { requestId, status }: VaultResponse<unknown>): void {
    this.seen(request.operation === 'health' ? undefined : 'active')
    this.#publish(request, course, status === 404 ? 'not_found' : 'success', { requestId })
  }

  #tellFailure(request: VaultRequest, course: Course, failure: unknown): void {
    const { operation, correlationId, makesCredential } = request
    const error = failure instanceof VaultError ? failure : undefined
    // There was no token to send, or the caller had left already.
    if (error === undefined && course.attempts === 0) return
    // Aborted by whoever asked: the answer, if one comes, reaches nobody.
    const unknown = error?.outcomeUnknown ?? true
    if (makesCredential && unknown) replyLost.publish({ operation, correlationId })
    if (error) this.seen(stateOf(error))
    const status = error ? statuses[error.code] : 'timeout'
    this.#publish(request, course, status, { errorCode: error?.code, requestId: error?.requestId })
  }

  #publish(
    { operation, correlationId }: VaultRequest,
    { startedMs, attempts, httpStatus }: Course,
    status: VaultRequestStatus,
    more: { errorCode?: VaultErrorCode | undefined; requestId?: string | undefined },
  ): void {
    const durationSeconds = (this.#options.clock.monotonicMs() - startedMs) / 1000
    vaultRequest.publish({ operation, status, durationSeconds, attempts, httpStatus, correlationId, ...more })
  }

  /** Told when it changes. @param state - undefined when nothing was learnt */
  seen(state: VaultState | undefined): void {
    if (state === undefined || state === this.#state) return
    const before = this.#state
    this.#state = state
    vaultStateSeen.publish({ state, before })
  }
}

const statuses: Record<VaultErrorCode, VaultRequestStatus> = {
  ERR_VAULT_SEALED: 'sealed',
  ERR_VAULT_UNINITIALIZED: 'uninitialized',
  ERR_VAULT_STANDBY: 'standby',
  ERR_VAULT_UNREACHABLE: 'unreachable',
  ERR_VAULT_TIMEOUT: 'timeout',
  ERR_VAULT_BACKEND_UNAVAILABLE: 'error',
  ERR_VAULT_RATE_LIMITED: 'rate_limited',
  ERR_VAULT_PERMISSION_DENIED: 'permission_denied',
  ERR_VAULT_TOKEN_INVALID: 'permission_denied',
  ERR_VAULT_LOGIN_FAILED: 'permission_denied',
  ERR_VAULT_LEASE_GONE: 'not_found',
  ERR_VAULT_LEASE_NOT_RENEWABLE: 'invalid_request',
  ERR_VAULT_NOT_FOUND: 'not_found',
  ERR_VAULT_SECRET_DELETED: 'not_found',
  ERR_VAULT_CAS_MISMATCH: 'invalid_request',
  ERR_VAULT_INVALID_REQUEST: 'invalid_request',
  ERR_VAULT_REDIRECT_REFUSED: 'standby',
  ERR_VAULT_BAD_RESPONSE: 'error',
}

/** @returns undefined when the failure says nothing about it */
function stateOf({ code, status }: VaultError): VaultState | undefined {
  switch (code) {
    case 'ERR_VAULT_SEALED':
      return 'sealed'
    case 'ERR_VAULT_UNINITIALIZED':
      return 'uninitialized'
    case 'ERR_VAULT_STANDBY':
    case 'ERR_VAULT_REDIRECT_REFUSED':
      return 'standby'
    case 'ERR_VAULT_UNREACHABLE':
    case 'ERR_VAULT_TIMEOUT':
      return 'unreachable'
    case 'ERR_VAULT_BAD_RESPONSE':
    case 'ERR_VAULT_RATE_LIMITED':
      return undefined
    default:
      return status === undefined ? undefined : 'active'
  }
}

const asSecret = (token: Secret | string | undefined): Secret | undefined =>
  typeof token === 'string' ? new Secret(token) : token

/** Fields of request bodies whose values no error text may repeat. */
const secretFields = new Set(['jwt', 'token', 'key', 'password', 'secret_id', 'data'])

function secretsIn({ body = {} }: VaultRequest, token: Secret | undefined): string[] {
  const values = Object.entries(body).flatMap(([name, value]) => (secretFields.has(name) ? textsOf(value) : []))
  // Short texts would tear ordinary words apart.
  return [...values, ...(token ? [token.expose()] : [])].filter((text) => text.length >= 6)
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : []
}
