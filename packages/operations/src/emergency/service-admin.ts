/**
 * The admin endpoints of a service, asked over HTTP.
 * @module
 */
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'

export interface AdminAnswer {
  readonly status: number
  readonly body: string
}

/** What `/rotations` tells of one credential; fields that are not read here are left out. */
export interface ServiceCredential {
  readonly credential_type: string
  readonly name: string
  readonly state: string
  readonly ttl_seconds: number | null
  readonly remaining_seconds: number | null
  readonly overdue: boolean
  readonly consecutive_failures: number
  readonly last_success_at: string | null
}

/** The answer of `/rotations`. */
export interface ServiceRotations {
  readonly service: string
  readonly rotations: readonly ServiceCredential[]
}

/**
 * @param admin - `http://127.0.0.1:9464`
 * @throws what Node throws when nothing answers; the signal's reason
 */
export function askAdmin(admin: string, path: string, signal?: AbortSignal): Promise<AdminAnswer> {
  return exchange(admin, path, 'GET', {}, signal)
}

/** Has the service renew everything now. Only from its own machine. */
export function askRotation(admin: string, signal?: AbortSignal): Promise<AdminAnswer> {
  return exchange(admin, '/rotate', 'POST', { 'X-Chaveiro-Request': 'rotate' }, signal)
}

async function exchange(
  admin: string,
  path: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<AdminAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(new URL(path, admin), { method, headers: { ...headers }, ...(signal && { signal }) }, resolve)
    sent.on('error', reject)
    sent.end()
  })
  return { status: response.statusCode ?? 0, body: await text(response) }
}
