/**
 * The X.509 authorities of one trust domain. For X.509 only: a JWT bundle is another type (WLA-5.2.1-a).
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { BundleError } from '../errors.js'
import type { TrustDomain } from '../id/trust-domain.js'
import { splitDer } from '../x509/der.js'
import { readCertificatesPem } from '../x509/pem.js'

/** Where the verifier of an X509-SVID finds the bundle: by trust domain, never all of them at once (FED-4.2-b). */
export interface X509BundleSource {
  /** The bundle of that trust domain, `undefined` when there is none: its SVIDs are then refused. */
  x509BundleFor(trustDomain: TrustDomain): X509Bundle | undefined
}

/** The certificates that sign the X509-SVIDs of a trust domain. Without any, all of those are refused. */
export class X509Bundle implements X509BundleSource {
  readonly trustDomain: TrustDomain
  /** One DER certificate each. */
  readonly authorities: readonly Uint8Array[]

  private constructor(trustDomain: TrustDomain, authorities: readonly Uint8Array[]) {
    this.trustDomain = trustDomain
    this.authorities = authorities
  }

  /**
   * @param authorities - one DER certificate each
   * @throws {BundleError} when one of them is no certificate
   */
  static of(trustDomain: TrustDomain, authorities: readonly Uint8Array[]): X509Bundle {
    return new X509Bundle(
      trustDomain,
      readAll(trustDomain, () => authorities),
    )
  }

  /**
   * @param concatenatedDer - certificates laid end to end, as the Workload API sends them; may be empty
   * @throws {BundleError} at padding, trailing bytes, or what is no certificate
   */
  static fromDer(trustDomain: TrustDomain, concatenatedDer: Uint8Array): X509Bundle {
    return new X509Bundle(
      trustDomain,
      readAll(trustDomain, () => splitDer(concatenatedDer)),
    )
  }

  /**
   * @param pem - one or more `CERTIFICATE` blocks
   * @throws {BundleError} when there is none, or a block of another kind among them
   */
  static fromPem(trustDomain: TrustDomain, pem: string): X509Bundle {
    const authorities = readAll(trustDomain, () => readCertificatesPem(pem))
    if (authorities.length === 0) throw malformed(trustDomain, new RangeError('no certificate in the PEM text'))
    return new X509Bundle(trustDomain, authorities)
  }

  x509BundleFor(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.trustDomain.equals(trustDomain) ? this : undefined
  }
}

function readAll(trustDomain: TrustDomain, read: () => readonly Uint8Array[]): readonly Uint8Array[] {
  try {
    const authorities = read()
    for (const der of authorities) requireCertificate(der)
    return withoutRepetition(authorities)
  } catch (cause) {
    throw malformed(trustDomain, cause)
  }
}

/** @throws an error of any kind when `der` is not exactly one certificate */
export function requireCertificate(der: Uint8Array): void {
  if (splitDer(der).length !== 1) throw new RangeError('not exactly one DER value')
  new X509Certificate(der)
}

function withoutRepetition(authorities: readonly Uint8Array[]): readonly Uint8Array[] {
  const byContent = new Map(authorities.map((der) => [Buffer.from(der).toString('base64'), der]))
  return [...byContent.values()]
}

function malformed(trustDomain: TrustDomain, cause: unknown): BundleError {
  return new BundleError('ERR_BUNDLE_MALFORMED', `the X.509 bundle of ${trustDomain} cannot be read`, {
    rule: 'BND-4.2.1-a',
    cure: 'Fetch the bundle again; keep the last good one until then.',
    cause,
  })
}
