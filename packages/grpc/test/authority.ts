/** A trust domain's authority for tests: X.509-SVIDs, JWT-SVIDs and bundles with keys made at run time. */
import { generateKeyPairSync, type KeyPairKeyObjectResult, sign } from 'node:crypto'
import type { Clock } from '@chaveiro/rotation'
import { JwtBundle, JwtSvid, SpiffeId, TrustDomain, X509Bundle, X509Svid } from '@chaveiro/spiffe'
import { certificate } from './der.js'

const keyPair = (): KeyPairKeyObjectResult => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

let serial = 0

interface Signer {
  readonly keys: KeyPairKeyObjectResult
  readonly subject: string
  readonly der: Buffer
}

export interface JwtContent {
  audience?: string | string[]
  lifeSeconds?: number
  /** Replaces header fields. */
  header?: Record<string, unknown>
  /** Replaces claims. */
  claims?: Record<string, unknown>
  /** Signs with this instead of the newest key of the authority. */
  key?: KeyPairKeyObjectResult
}

export class TestAuthority {
  readonly trustDomain: TrustDomain
  readonly #clock: Clock
  #authorities: Signer[] = []
  #jwtKeys: { kid: string; keys: KeyPairKeyObjectResult }[] = []

  constructor(trustDomain: string, clock: Clock) {
    this.trustDomain = TrustDomain.parse(trustDomain)
    this.#clock = clock
    this.addX509Authority()
    this.addJwtKey()
  }

  id(path: string): SpiffeId {
    return SpiffeId.of(this.trustDomain, path)
  }

  /** The newest authority signs from now on; older ones stay in the bundle. */
  addX509Authority(): void {
    this.#authorities.push(this.#signer(undefined))
  }

  dropOldX509Authorities(): void {
    this.#authorities = this.#authorities.slice(-1)
  }

  addJwtKey(): void {
    serial += 1
    this.#jwtKeys.push({ kid: `key-${serial}`, keys: keyPair() })
  }

  dropOldJwtKeys(): void {
    this.#jwtKeys = this.#jwtKeys.slice(-1)
  }

  x509Bundle(): X509Bundle {
    return X509Bundle.fromDer(this.trustDomain, Buffer.concat(this.#authorities.map(({ der }) => der)))
  }

  jwtBundle(): JwtBundle {
    const keys = this.#jwtKeys.map(({ kid, keys }) => ({ ...keys.publicKey.export({ format: 'jwk' }), kid }))
    return JwtBundle.fromJwks(this.trustDomain, JSON.stringify({ keys }))
  }

  /** An X.509-SVID whose life begins now. */
  x509Svid(path: string, options: { lifeSeconds?: number; intermediate?: boolean } = {}): X509Svid {
    const root = this.#newestAuthority()
    const signer = options.intermediate ? this.#signer(root) : root
    const keys = keyPair()
    const leaf = this.#certify(keys, signer, { uri: `${this.trustDomain.id}${path}`, ca: false, ...options })
    const chain = options.intermediate ? Buffer.concat([leaf, signer.der]) : leaf
    return X509Svid.fromDer(chain, keys.privateKey.export({ type: 'pkcs8', format: 'der' }))
  }

  /** The compact form of a JWT-SVID for `path`, good for 300 s unless told otherwise. */
  token(path: string, { audience = 'echo.example', lifeSeconds = 300, header, claims, key }: JwtContent = {}): string {
    const newest = this.#jwtKeys.at(-1)
    if (!newest) throw new Error('no JWT key')
    const issuedAt = Math.floor(this.#clock.wallMs() / 1000)
    const body = {
      sub: `${this.trustDomain.id}${path}`,
      aud: typeof audience === 'string' ? [audience] : audience,
      iat: issuedAt,
      exp: issuedAt + lifeSeconds,
      ...claims,
    }
    const signed = `${base64url({ alg: 'ES256', kid: newest.kid, typ: 'JWT', ...header })}.${base64url(body)}`
    const { privateKey } = key ?? newest.keys
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${signed}.${signature.toString('base64url')}`
  }

  jwtSvid(path: string, content: JwtContent = {}): JwtSvid {
    return JwtSvid.parseUnverified(this.token(path, content))
  }

  #newestAuthority(): Signer {
    const newest = this.#authorities.at(-1)
    if (!newest) throw new Error('no X.509 authority')
    return newest
  }

  #signer(parent: Signer | undefined): Signer {
    const keys = keyPair()
    serial += 1
    const subject = `${this.trustDomain.name} CA ${serial}`
    const issuer = parent ?? { keys, subject, der: Buffer.alloc(0) }
    const content = { uri: this.trustDomain.id, ca: true, lifeSeconds: 365 * 86_400, subject }
    return { keys, subject, der: this.#certify(keys, issuer, content) }
  }

  #certify(
    keys: KeyPairKeyObjectResult,
    issuer: Signer,
    {
      uri,
      ca,
      lifeSeconds = 3600,
      subject = 'workload',
    }: { uri: string; ca: boolean; lifeSeconds?: number; subject?: string },
  ): Buffer {
    serial += 1
    const nowMs = this.#clock.wallMs()
    return certificate({
      serial,
      subject,
      issuer: issuer.subject,
      uri,
      ca,
      notBeforeMs: nowMs - 10_000,
      notAfterMs: nowMs + lifeSeconds * 1000,
      publicKey: keys.publicKey,
      issuerPublicKey: issuer.keys.publicKey,
      signingKey: issuer.keys.privateKey,
    })
  }
}
