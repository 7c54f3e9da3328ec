/**
 * The compact serialisation of a JWS (RFC 7515, section 3.1), strictly read (JWT-1-a).
 * @module
 */
import { isJsonObject, type JsonObject, parseStrictJson } from '../bundle/strict-json.js'
import { refusal } from './refusal.js'

/** Longer tokens are refused unread: HTTP servers and gRPC stop metadata at 8 to 16 KiB. */
const longestToken = 16 * 1024

interface CompactJws {
  readonly header: JsonObject
  readonly payload: JsonObject
}

/**
 * Header and payload of a token whose signature has not been looked at.
 * @throws {SvidError}
 */
export function splitCompactJws(token: unknown): CompactJws {
  if (typeof token !== 'string' || token === '') {
    throw refusal('ERR_SVID_MISSING', 'JWT-1-a', 'no token was presented')
  }
  if (token.length > longestToken) {
    throw refusal('ERR_SVID_MALFORMED', 'JWT-1-a', `the token is longer than ${longestToken} characters`)
  }
  const parts = token.split('.')
  if (parts.length === 5) throw refusal('ERR_SVID_MALFORMED', 'JWT-1-a', 'the token is encrypted (JWE)')
  const [header, payload, signature] = parts
  if (parts.length !== 3 || !header || !payload || !signature) {
    throw refusal('ERR_SVID_MALFORMED', 'JWT-1-a', 'the token is not three parts joined by dots')
  }
  decode(signature, 'signature')
  return { header: readObject(header, 'header'), payload: readObject(payload, 'payload') }
}

function readObject(part: string, what: string): JsonObject {
  const bytes = decode(part, what)
  let value: unknown
  try {
    value = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    const code = what === 'header' ? 'ERR_SVID_BAD_HEADER' : 'ERR_SVID_BAD_CLAIM'
    throw refusal(code, 'JWT-1-a', `the ${what} of the token is no JSON, or repeats a name`, cause)
  }
  if (isJsonObject(value)) return value
  throw refusal('ERR_SVID_MALFORMED', 'JWT-1-a', `the ${what} of the token is no JSON object`)
}

/** Base64url without padding, in its one canonical form: the bits left over are zero. */
function decode(part: string, what: string): Buffer {
  const bytes = Buffer.from(part, 'base64url')
  if (bytes.toString('base64url') === part) return bytes
  throw refusal('ERR_SVID_MALFORMED', 'JWT-1-a', `the ${what} of the token is not base64url without padding`)
}
