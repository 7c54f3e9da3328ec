/**
 * What the certificates of a chain say, for showing.
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { pemCertificates, unverifiedX509SvidId } from '@chaveiro/spiffe'

const read = (chain: readonly Uint8Array[]): X509Certificate[] => chain.map((der) => new X509Certificate(der))

/** When the first certificate of a chain ends, in milliseconds since the epoch. */
function chainEndMs(chain: readonly Uint8Array[]): number {
  return Math.min(...read(chain).map(({ validTo }) => Date.parse(validTo)))
}

/** Certificates as PEM, each ending with a line break so that they can be joined. */
export function chainPem(chain: readonly Uint8Array[]): string {
  return read(chain)
    .map((certificate) => `${certificate.toString().trimEnd()}\n`)
    .join('')
}

/**
 * A chain in words. Times are ISO 8601.
 * @throws {SvidError} when it cannot be read, or breaks a rule of X509-SVID.md
 */
export function describeChain(pem: string): Record<string, unknown> {
  const chain = pemCertificates(pem)
  const id = unverifiedX509SvidId(chain)
  return {
    spiffe_id: id.toString(),
    expires_at: new Date(chainEndMs(chain)).toISOString(),
    verified: false,
    certificates: read(chain).map((certificate) => ({
      subject: certificate.subject,
      issuer: certificate.issuer,
      serial_number: certificate.serialNumber,
      not_before: new Date(certificate.validFrom).toISOString(),
      not_after: new Date(certificate.validTo).toISOString(),
      fingerprint_sha256: certificate.fingerprint256,
    })),
  }
}
