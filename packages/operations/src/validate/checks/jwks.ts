/**
 * The JWK set that Vault is told to fetch, fetched as Vault would.
 * @module
 */
import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import { type Finding, failed, unknown } from '../finding.js'

export type ServedKeys =
  | { readonly status: 'served'; readonly keyIds: readonly string[] }
  | { readonly status: 'not_served'; readonly finding: Finding }

/** @param ca - certificates (PEM) that the server is verified by, in place of the system's */
export async function fetchKeyIds(url: string, ca: string | undefined, signal: AbortSignal): Promise<ServedKeys> {
  let answer: { status: number; body: string }
  try {
    answer = await fetchText(url, ca, signal)
  } catch (error) {
    const cure = 'See that the discovery provider runs; run this where Vault runs to see what Vault sees.'
    const cause = `${url} cannot be fetched from this machine: ${(error as Error).message}`
    return { status: 'not_served', finding: unknown(cause, cure, 'unreachable') }
  }
  const keyIds = answer.status === 200 ? keyIdsOf(answer.body) : undefined
  if (keyIds) return { status: 'served', keyIds }
  const cure = "The discovery provider cannot reach SPIRE: look at its log, and at its path of the server's socket."
  return {
    status: 'not_served',
    finding: failed(`${url} answers ${answer.status} without keys: ${answer.body.trim().slice(0, 120)}`, cure),
  }
}

async function fetchText(url: string, ca: string | undefined, signal: AbortSignal) {
  const secure = new URL(url).protocol === 'https:'
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = secure ? getHttps(url, { ca, signal }, resolve) : getHttp(url, { signal }, resolve)
    request.on('error', reject)
  })
  return { status: response.statusCode ?? 0, body: await text(response) }
}

function keyIdsOf(body: string): string[] | undefined {
  try {
    const { keys } = JSON.parse(body) as { keys?: readonly { kid?: unknown }[] }
    return keys?.flatMap(({ kid }) => (typeof kid === 'string' ? [kid] : []))
  } catch {
    return undefined
  }
}
