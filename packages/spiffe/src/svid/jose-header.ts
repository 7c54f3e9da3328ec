/**
 * The headers of a JWT-SVID (JWT-SVID.md, section 2). Keys and URLs in a token's header are never followed.
 * @module
 */
import { isJwsAlgorithm, type JwsAlgorithm } from '../bundle/jws-algorithm.js'
import type { JsonObject } from '../bundle/strict-json.js'
import { refusal } from './refusal.js'

interface JoseHeader {
  readonly algorithm: JwsAlgorithm
  readonly keyId: string | undefined
}

/**
 * @param keyIdRequired - refuse a token without `kid`
 * @throws {SvidError} before any key or signature has been touched
 */
export function checkJoseHeader(header: JsonObject, keyIdRequired: boolean): JoseHeader {
  for (const name of ['crit', 'b64']) {
    if (Object.hasOwn(header, name)) {
      throw refusal(
        'ERR_SVID_BAD_HEADER',
        'JWT-2-a',
        `the token has the header "${name}", which changes how it is read`,
      )
    }
  }
  const { alg, typ, kid } = { alg: own(header, 'alg'), typ: own(header, 'typ'), kid: own(header, 'kid') }
  if (!isJwsAlgorithm(alg)) {
    const what = alg === undefined ? 'names no algorithm' : 'names an algorithm that JWT-SVIDs do not use'
    throw refusal('ERR_SVID_ALGORITHM', 'JWT-2.1-a', `the token ${what}`)
  }
  if (typ !== undefined && typ !== 'JWT' && typ !== 'JOSE') {
    throw refusal('ERR_SVID_BAD_HEADER', 'JWT-2.3-a', 'the header "typ" is neither "JWT" nor "JOSE"')
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid === '')) {
    throw refusal('ERR_SVID_BAD_HEADER', 'JWT-2.2-a', 'the header "kid" is no text')
  }
  if (kid === undefined && keyIdRequired) {
    throw refusal('ERR_SVID_BAD_HEADER', 'JWT-2.2-a', 'the token has no header "kid"')
  }
  return { algorithm: alg, keyId: kid }
}

function own(header: JsonObject, name: string): unknown {
  return Object.hasOwn(header, name) ? header[name] : undefined
}
