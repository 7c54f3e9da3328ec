/**
 * Reading Vault's answers: the envelope of a success, the meaning of an error.
 * @module
 */
import { type VaultError, type VaultErrorCode, type VaultErrorDetails, vaultError } from './errors.js'
import type { AuthBody, VaultRequest, VaultResponse } from './request.js'
import type { HttpResponse } from './transport.js'

interface Envelope {
  readonly request_id?: string
  readonly lease_id?: string
  readonly lease_duration?: number
  readonly renewable?: boolean
  readonly data?: unknown
  readonly auth?: AuthBody | null
  readonly warnings?: readonly string[] | null
  readonly errors?: readonly string[]
}

/** @throws {VaultError} for every status that is no success and that the request does not accept */
export function readAnswer<T>(
  request: VaultRequest,
  response: HttpResponse,
  secrets: readonly string[],
): VaultResponse<T> {
  const { status } = response
  const body = parseObject(response.body)
  const accepted = (status >= 200 && status < 300) || request.accepts?.includes(status)
  if (!accepted) throw errorOf(request, response, body, secrets)
  if (body === undefined && response.body !== '') throw noJson(request, response)
  const envelope: Envelope = body ?? {}
  return {
    status,
    data: ('request_id' in envelope ? envelope.data : envelope) as T,
    requestId: envelope.request_id,
    leaseId: envelope.lease_id || undefined,
    leaseSeconds: envelope.lease_duration ?? 0,
    renewable: envelope.renewable ?? false,
    auth: envelope.auth ?? undefined,
    warnings: envelope.warnings ?? [],
  }
}

function parseObject(text: string): Envelope | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** A 2xx that is no JSON object: a login page, or an answer that was cut. The request may have been carried out. */
function noJson({ operation, path }: VaultRequest, { status }: HttpResponse): VaultError {
  return vaultError('ERR_VAULT_BAD_RESPONSE', `HTTP ${status} with a body that is not a JSON object`, {
    operation,
    path,
    status,
    outcomeUnknown: true,
  })
}

type ReadableCode = Exclude<VaultErrorCode, 'ERR_VAULT_SECRET_DELETED'>

interface Reading {
  readonly code: ReadableCode
  readonly from: number
  readonly to: number
  readonly text?: RegExp
  readonly operation?: string
}

/**
 * What an error answer means. The first row that fits holds. Texts are those of Vault 1.21; status 400 alone says
 * nothing: Vault gives it for bad input, a lost lease and a database that is down alike.
 */
const readings: readonly Reading[] = [
  { from: 503, to: 503, text: /\bsealed\b/i, code: 'ERR_VAULT_SEALED' },
  { from: 400, to: 501, text: /\bnot initialized\b/i, code: 'ERR_VAULT_UNINITIALIZED' },
  { from: 400, to: 599, text: /node not active|no active|in standby mode/i, code: 'ERR_VAULT_STANDBY' },
  { from: 412, to: 412, code: 'ERR_VAULT_STANDBY' },
  { from: 472, to: 474, code: 'ERR_VAULT_STANDBY' },
  { from: 429, to: 429, code: 'ERR_VAULT_RATE_LIMITED' },
  // The JWT is not judged when the keys to judge it by cannot be fetched.
  {
    from: 400,
    to: 499,
    operation: 'login',
    text: /get keys failed|fetching keys/i,
    code: 'ERR_VAULT_BACKEND_UNAVAILABLE',
  },
  { from: 400, to: 499, operation: 'login', code: 'ERR_VAULT_LOGIN_FAILED' },
  { from: 403, to: 403, text: /\b(invalid|bad) token\b/i, code: 'ERR_VAULT_TOKEN_INVALID' },
  { from: 403, to: 403, code: 'ERR_VAULT_PERMISSION_DENIED' },
  { from: 404, to: 404, code: 'ERR_VAULT_NOT_FOUND' },
  { from: 400, to: 400, text: /failed to (renew|revoke) entry/i, code: 'ERR_VAULT_BACKEND_UNAVAILABLE' },
  { from: 400, to: 400, text: /lease not found|invalid lease|lease (is )?expired/i, code: 'ERR_VAULT_LEASE_GONE' },
  { from: 400, to: 400, text: /not renewable|cannot be renewed/i, code: 'ERR_VAULT_LEASE_NOT_RENEWABLE' },
  { from: 400, to: 400, text: /check-and-set parameter/i, code: 'ERR_VAULT_CAS_MISMATCH' },
  {
    from: 500,
    to: 500,
    text: /not an allowed role|failed to find entry for connection/i,
    code: 'ERR_VAULT_INVALID_REQUEST',
  },
  { from: 400, to: 499, code: 'ERR_VAULT_INVALID_REQUEST' },
  { from: 500, to: 599, code: 'ERR_VAULT_BACKEND_UNAVAILABLE' },
]

function errorOf(
  { operation, path }: VaultRequest,
  { status, retryAfter, body: text }: HttpResponse,
  body: Envelope | undefined,
  secrets: readonly string[],
): VaultError {
  const texts = [...(body?.errors ?? []), ...(body?.warnings ?? [])].map(plain).filter((text) => text !== '')
  const said = redact(texts.join('; '), secrets)
  const details: VaultErrorDetails = {
    operation,
    path,
    status,
    requestId: body?.request_id,
    retryAfterMs: retryAfterMs(retryAfter),
  }
  if (body === undefined && text !== '' && status !== 429) {
    // Vault speaks JSON, or says nothing; this is a proxy before it, which cannot reach it, or which is no way to it at all.
    const code = status >= 502 && status <= 504 ? 'ERR_VAULT_UNREACHABLE' : 'ERR_VAULT_BAD_RESPONSE'
    return vaultError(code, `HTTP ${status} with a body that is not JSON`, {
      ...details,
      outcomeUnknown: status === 504,
    })
  }
  const code = meaning(status, isBareDenial(body) ? 'invalid token' : said, operation)
  return vaultError(code, `HTTP ${status}${said && `: ${said}`}`, details)
}

/** A policy's refusal comes as an entry of a list; these bare words mean that there is no valid token. */
function isBareDenial(body: Envelope | undefined): boolean {
  return body?.errors?.[0] === 'permission denied'
}

function meaning(status: number, said: string, operation: string): ReadableCode {
  const reading = readings.find(
    (row) =>
      status >= row.from &&
      status <= row.to &&
      (row.operation === undefined || row.operation === operation) &&
      (row.text === undefined || row.text.test(said)),
  )
  return reading?.code ?? 'ERR_VAULT_BAD_RESPONSE'
}

/** Vault lists errors over several lines: "1 error occurred:\n\t* permission denied\n\n". */
function plain(text: unknown): string {
  return String(text)
    .replace(/\d+ errors? occurred:/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*\s*/, '').trim())
    .filter((line) => line !== '')
    .join('; ')
}

function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, '[redacted]'), text)
}

/** Seconds, as Vault and its proxies send it; a date would need a clock that both share. */
function retryAfterMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined
}
