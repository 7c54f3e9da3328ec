/**
 * SPIRE server's API over TCP: it lets those in whose entry says `admin: true`, by their X.509-SVID.
 * @module
 */
import type { X509Bundle, X509Svid } from '@chaveiro/spiffe'
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'

/** Who calls, and whom it trusts. */
export interface AdminIdentity {
  readonly svid: X509Svid
  /** Of the SVID's own trust domain: the server's certificate is verified by it. */
  readonly bundle: X509Bundle
}

/** Nobody but the trust domain's own server is talked to. */
export function adminCredentials({ svid, bundle }: AdminIdentity): ChannelCredentials {
  const server = `URI:spiffe://${svid.id.trustDomain.name}/spire/server`
  const authorities = bundle.authorities.map((der) => pem(der)).join('')
  const [roots, key, chain] = [authorities, svid.privateKeyPem().expose(), svid.certificatesPem()].map((each) =>
    Buffer.from(each),
  )
  return credentials.createSsl(roots ?? null, key ?? null, chain ?? null, {
    checkServerIdentity: (_host, { subjectaltname }) =>
      subjectaltname === server ? undefined : new Error(`this is ${subjectaltname}, not ${server}`),
  })
}

const pem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
