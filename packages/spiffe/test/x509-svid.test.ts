import { execFileSync } from 'node:child_process'
import { createPublicKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  pemCertificates,
  SvidError,
  svidIrregular,
  TrustDomain,
  verifyX509Svid,
  X509Bundle,
  X509Svid,
} from '@chaveiro/spiffe'
import {
  GeneralName,
  GeneralNames,
  GeneralSubtree,
  GeneralSubtrees,
  NameConstraints,
  OtherName,
} from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  bundlesOf,
  type CertificatePlan,
  certify,
  clientAuth,
  extension,
  hourMs,
  type Issued,
  makeKey,
  nowMs,
  pkcs8,
  serverAuth,
  TestAuthority,
  usage,
} from './authority.js'
import { isTyped, refused } from './refused.js'

const authority = new TestAuthority()
const bundles = bundlesOf(authority)
const workload = 'spiffe://example.org/ns/core/sa/registry'

const verify = (chain: readonly Issued[], atMs = nowMs): string =>
  verifyX509Svid(
    chain.map(({ der }) => der),
    bundles,
    { atMs },
  ).id.toString()

const own = (issued: Issued): X509Svid => X509Svid.fromDer(issued.der, pkcs8(issued.key))

/** The same leaf must be judged alike as a peer's and as our own. */
function refusedAsPeerAndOwn(leaf: Issued): SvidError {
  const asPeer = refused(() => verify([leaf]))
  expect(refused(() => own(leaf))).toMatchObject({ code: asPeer.code, rule: asPeer.rule })
  return asPeer as SvidError
}

describe('the leaf', () => {
  const leafWith = (plan: Partial<CertificatePlan>): Issued => authority.leaf(undefined, plan)
  const uri = { uniformResourceIdentifier: workload }

  it('a right one is accepted as a peer and as our own', () => {
    const leaf = authority.leaf()
    expect(verify([leaf])).toBe(workload)
    expect(own(leaf).id.toString()).toBe(workload)
  })

  it.each<[string, string, Partial<CertificatePlan>]>([
    ['X509-2-a: no URI name', 'ERR_SVID_BAD_ID', { names: [{ dNSName: 'example.org' }] }],
    ['X509-2-a: no names at all', 'ERR_SVID_BAD_ID', { names: undefined }],
    ['X509-2-a: two SPIFFE IDs', 'ERR_SVID_BAD_ID', { names: [uri, { uniformResourceIdentifier: `${workload}2` }] }],
    ['X509-2-a: the same SPIFFE ID twice', 'ERR_SVID_BAD_ID', { names: [uri, uri] }],
    [
      'X509-2-a: a second URI that is no SPIFFE ID',
      'ERR_SVID_BAD_ID',
      { names: [uri, { uniformResourceIdentifier: 'https://example.org' }] },
    ],
    ['X509-3.1-a: no path', 'ERR_SVID_BAD_ID', { names: [{ uniformResourceIdentifier: 'spiffe://example.org' }] }],
    [
      'X509-5.2-b: another scheme',
      'ERR_SVID_BAD_ID',
      { names: [{ uniformResourceIdentifier: 'https://example.org/a' }] },
    ],
    [
      'X509-5.2-b: an ID to be normalised',
      'ERR_SVID_BAD_ID',
      { names: [{ uniformResourceIdentifier: `${workload}/../x` }] },
    ],
    ['X509-5.2-b: upper case', 'ERR_SVID_BAD_ID', { names: [{ uniformResourceIdentifier: 'spiffe://EXAMPLE.org/a' }] }],
    [
      'X509-5.2-b: a comma as text forms would split it',
      'ERR_SVID_BAD_ID',
      { names: [{ uniformResourceIdentifier: 'spiffe://example.org/a, URI:spiffe://example.org/b' }] },
    ],
    [
      'X509-5.2-b: a NUL as C would cut it',
      'ERR_SVID_BAD_ID',
      { names: [{ uniformResourceIdentifier: 'spiffe://example.org/a\u0000b' }] },
    ],
    ['X509-3.2-c: a signing certificate', 'ERR_SVID_IS_AUTHORITY', { ca: true }],
    ['X509-4.3-c: keyCertSign', 'ERR_SVID_IS_AUTHORITY', { keyUsage: usage.digitalSignature | usage.keyCertSign }],
    ['X509-4.3-c: cRLSign', 'ERR_SVID_IS_AUTHORITY', { keyUsage: usage.digitalSignature | usage.crlSign }],
    ['X509-4.3-c: no digitalSignature', 'ERR_SVID_KEY_USAGE', { keyUsage: usage.keyEncipherment }],
    ['X509-4.3-a: no key usage', 'ERR_SVID_KEY_USAGE', { keyUsage: undefined }],
    [
      'X509-5.1-a: an unknown critical extension',
      'ERR_SVID_BAD_CHAIN',
      { extensions: [extension('1.2.3.4', true, Uint8Array.of(5, 0))] },
    ],
    ['X509-4.4-a: serverAuth alone', 'ERR_SVID_KEY_USAGE', { extendedKeyUsage: [serverAuth] }],
    ['X509-4.4-a: clientAuth alone', 'ERR_SVID_KEY_USAGE', { extendedKeyUsage: [clientAuth] }],
    ['X509-4.4-a: only another purpose', 'ERR_SVID_KEY_USAGE', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.3'] }],
  ])('%s is refused', (title, code, plan) => {
    expect(refusedAsPeerAndOwn(leafWith(plan))).toMatchObject({ code, rule: title.slice(0, title.indexOf(':')) })
  })

  it.each<[string, Partial<CertificatePlan>]>([
    [
      'X509-2-b: other names beside the ID, in any number',
      {
        names: [
          { dNSName: 'a.example.org' },
          { dNSName: 'b.example.org' },
          { iPAddress: '10.0.0.1' },
          { iPAddress: '::1' },
          { rfc822Name: 'x@example.org' },
          { registeredID: '1.2.3.4' },
          { otherName: new OtherName({ typeId: '1.3.6.1.4.1.311.20.2.3', value: Uint8Array.of(12, 1, 97).buffer }) },
          uri,
        ],
      },
    ],
    ['X509-3.1-b: an empty subject with the names critical', { subject: '', namesCritical: true }],
    ['X509-3.1-b: an empty subject with the names not critical', { subject: '' }],
    ['X509-4.1-a: no basic constraints on a leaf', { ca: undefined }],
    ['X509-4.3-a: a key usage that is not critical', { keyUsageCritical: false }],
    ['X509-4.3-c: digitalSignature alone', { keyUsage: usage.digitalSignature }],
    ['X509-4.4-a: no extended key usage', { extendedKeyUsage: undefined }],
    ['X509-4.4-a: more purposes', { extendedKeyUsage: [serverAuth, clientAuth, '1.3.6.1.5.5.7.3.3'] }],
  ])('%s is accepted', (_title, plan) => {
    const leaf = leafWith(plan)
    expect(verify([leaf])).toBe(workload)
    expect(own(leaf).id.toString()).toBe(workload)
  })

  it('RFC 5280, 4.2: an extension that occurs twice is refused: two readers could see two IDs', () => {
    const second = new GeneralNames([new GeneralName({ uniformResourceIdentifier: 'spiffe://example.org/admin' })])
    const leaf = leafWith({ extensions: [extension('2.5.29.17', false, second)] })
    expect(refusedAsPeerAndOwn(leaf)).toMatchObject({ code: 'ERR_SVID_MALFORMED' })
  })

  it.each([
    ['a byte after its end', Buffer.of(0)],
    ['another certificate in its place', authority.leaf().der],
  ])('a certificate with %s is refused', (_title, rest) => {
    const der = Buffer.concat([authority.leaf().der, rest])
    expect(refused(() => verifyX509Svid([der], bundles, { atMs: nowMs }))).toMatchObject({ code: 'ERR_SVID_MALFORMED' })
  })

  it('X509-5.2-a: the authority itself is no peer, however TLS sees it', () => {
    expect(refused(() => verify([authority.root]))).toMatchObject({ code: 'ERR_SVID_IS_AUTHORITY', rule: 'X509-3.2-c' })
  })

  it('ID-3.2-a: an ID outside the signed part cannot be: a changed byte breaks the signature', () => {
    const { der, ...leaf } = authority.leaf()
    const at = Buffer.from(der).indexOf('registry')
    const changed = Uint8Array.from(der)
    changed.set(Buffer.from('intruder'), at)
    expect(refused(() => verify([{ ...leaf, der: changed }]))).toMatchObject({ code: 'ERR_SVID_BAD_SIGNATURE' })
  })
})

it('X509-4.3-a: a key usage that is not critical is told once for each trust domain', () => {
  const told: unknown[] = []
  const listener = (message: unknown): void => void told.push(message)
  svidIrregular.subscribe(listener)
  try {
    const careless = new TestAuthority('careless.example')
    for (const path of ['/a', '/b']) {
      const leaf = careless.leaf(path, { keyUsageCritical: false })
      verifyX509Svid([leaf.der], careless.bundle, { atMs: nowMs })
    }
    expect(told).toEqual([
      { svidType: 'x509', spiffeId: 'spiffe://careless.example/a', irregularity: 'key_usage_not_critical' },
    ])
  } finally {
    svidIrregular.unsubscribe(listener)
  }
})

describe('the bundle', () => {
  it('BND-3-a: it is the one of the SVID’s own trust domain, and no other', () => {
    const other = new TestAuthority('other.org')
    const stranger = other.leaf('/a')
    expect(refused(() => verify([stranger]))).toMatchObject({ code: 'ERR_SVID_UNKNOWN_TRUST_DOMAIN' })
    // Signed by example.org, claiming other.org, both known: example.org vouches for itself only.
    const forged = authority.leaf('', { names: [{ uniformResourceIdentifier: 'spiffe://other.org/a' }] })
    const both = bundlesOf(authority, other)
    expect(refused(() => verifyX509Svid([forged.der], both, { atMs: nowMs }))).toMatchObject({
      code: 'ERR_SVID_UNKNOWN_AUTHORITY',
    })
    expect(verifyX509Svid([stranger.der], both, { atMs: nowMs }).id.toString()).toBe('spiffe://other.org/a')
  })

  it('BND-4.1.3-c: an empty bundle trusts nobody', () => {
    const empty = X509Bundle.of(authority.trustDomain, [])
    expect(refused(() => verifyX509Svid([authority.leaf().der], empty, { atMs: nowMs }))).toMatchObject({
      code: 'ERR_SVID_UNKNOWN_AUTHORITY',
    })
  })

  it('a source that answers with the bundle of another trust domain is not believed', () => {
    const other = new TestAuthority('other.org')
    const wrong = { x509BundleFor: () => authority.bundle }
    expect(refused(() => verifyX509Svid([other.leaf('/a').der], wrong, { atMs: nowMs }))).toMatchObject({
      code: 'ERR_SVID_UNKNOWN_TRUST_DOMAIN',
    })
  })

  it('an authority with the same name and another key is none', () => {
    const impostor = new TestAuthority()
    expect(refused(() => verify([impostor.leaf()]))).toMatchObject({
      code: 'ERR_SVID_BAD_SIGNATURE',
      rule: 'X509-5.1-a',
    })
    const unknown = new TestAuthority('example.org', { subject: 'nobody knows me' })
    expect(refused(() => verify([unknown.leaf()]))).toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
    // Sending the impostor's root along does not help.
    expect(refused(() => verify([unknown.leaf(), unknown.root]))).toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
  })

  it('several authorities, also of one name, are all tried', () => {
    const next = new TestAuthority()
    const all = X509Bundle.of(authority.trustDomain, [
      new TestAuthority('example.org', { subject: 'old' }).root.der,
      next.root.der,
      authority.root.der,
    ])
    for (const leaf of [next.leaf(), authority.leaf()]) {
      expect(verifyX509Svid([leaf.der], all, { atMs: nowMs }).id.toString()).toBe(workload)
    }
  })

  it('an authority that we cannot use costs the others nothing', () => {
    const strange = new TestAuthority('example.org', { key: makeKey('secp256k1') })
    const all = X509Bundle.of(authority.trustDomain, [strange.root.der, authority.root.der])
    expect(verifyX509Svid([authority.leaf().der], all, { atMs: nowMs }).id.toString()).toBe(workload)
    expect(refused(() => verifyX509Svid([strange.leaf().der], all, { atMs: nowMs }))).toMatchObject({
      code: 'ERR_SVID_ALGORITHM',
    })
  })
})

describe('X509-5.1-a: path validation', () => {
  it('X509-3.2-a: an intermediate without a SPIFFE ID is accepted, one with that of the trust domain too', () => {
    const plain = authority.intermediate()
    const named = authority.intermediate({ names: [{ uniformResourceIdentifier: 'spiffe://example.org' }] })
    for (const intermediate of [plain, named]) {
      expect(verify([authority.leaf(undefined, {}, intermediate), intermediate])).toBe(workload)
    }
  })

  it.each<[string, string, Partial<CertificatePlan>]>([
    [
      'X509-3.2-b: an intermediate whose SPIFFE ID has a path',
      'ERR_SVID_BAD_CHAIN',
      { names: [{ uniformResourceIdentifier: workload }] },
    ],
    ['X509-4.1-a: an intermediate without basic constraints', 'ERR_SVID_BAD_CHAIN', { ca: undefined }],
    ['X509-4.1-a: an intermediate that is no authority', 'ERR_SVID_BAD_CHAIN', { ca: false }],
    ['X509-4.3-a: an intermediate without key usage', 'ERR_SVID_BAD_CHAIN', { keyUsage: undefined }],
    ['X509-4.3-b: an intermediate without keyCertSign', 'ERR_SVID_BAD_CHAIN', { keyUsage: usage.crlSign }],
    ['X509-5.1-a: an expired intermediate', 'ERR_SVID_EXPIRED', { notAfterMs: nowMs - 1000 }],
    ['X509-5.1-a: an intermediate of tomorrow', 'ERR_SVID_NOT_YET_VALID', { notBeforeMs: nowMs + 1000 }],
    [
      'X509-5.1-a: an unknown critical extension',
      'ERR_SVID_BAD_CHAIN',
      { extensions: [extension('1.2.3.4', true, Uint8Array.of(5, 0))] },
    ],
    [
      'X509-5.1-a: policy constraints, which we do not process',
      'ERR_SVID_BAD_CHAIN',
      { extensions: [extension('2.5.29.36', true, Uint8Array.of(0x30, 3, 0x80, 1, 0))] },
    ],
    ['X509-5.1-a: a weak signature', 'ERR_SVID_ALGORITHM', { signature: 'sha1' }],
    ['X509-5.1-a: an odd curve', 'ERR_SVID_ALGORITHM', { key: makeKey('secp256k1') }],
    ['X509-5.1-a: a short key', 'ERR_SVID_ALGORITHM', { key: makeKey('rsa1024') }],
  ])('%s is refused', (title, code, plan) => {
    const intermediate = authority.intermediate(plan)
    const leaf = authority.leaf(undefined, {}, intermediate)
    const rule = title.slice(0, title.indexOf(':'))
    expect(refused(() => verify([leaf, intermediate]))).toMatchObject({ code, rule })
  })

  it.each<[string, string, Partial<CertificatePlan>]>([
    ['expired', 'ERR_SVID_EXPIRED', { notAfterMs: nowMs - 1000 }],
    ['not valid yet', 'ERR_SVID_NOT_YET_VALID', { notBeforeMs: nowMs + 1000 }],
    ['no authority', 'ERR_SVID_BAD_CHAIN', { ca: false }],
    ['without keyCertSign', 'ERR_SVID_BAD_CHAIN', { keyUsage: usage.digitalSignature }],
    [
      'with an unknown critical extension',
      'ERR_SVID_BAD_CHAIN',
      { extensions: [extension('1.2.3', true, Uint8Array.of(5, 0))] },
    ],
    ['with a short key', 'ERR_SVID_ALGORITHM', { key: makeKey('rsa1024') }],
  ])('an authority %s is refused', (_title, code, plan) => {
    const odd = new TestAuthority('example.org', plan)
    expect(refused(() => verifyX509Svid([odd.leaf().der], odd.bundle, { atMs: nowMs }))).toMatchObject({ code })
  })

  it('the signature on an authority’s own certificate proves nothing, so a weak one does no harm', () => {
    const old = new TestAuthority('example.org', { key: makeKey('rsa2048'), signature: 'sha1' })
    expect(verifyX509Svid([old.leaf().der], old.bundle, { atMs: nowMs }).id.toString()).toBe(workload)
  })

  it.each([
    [nowMs - hourMs - 1, 'ERR_SVID_NOT_YET_VALID'],
    [nowMs - hourMs, undefined],
    [nowMs + hourMs, undefined],
    [nowMs + hourMs + 1, 'ERR_SVID_EXPIRED'],
  ])('the leaf’s validity holds to the millisecond: at %i %s', (atMs, code) => {
    if (code) expect(refused(() => verify([authority.leaf()], atMs))).toMatchObject({ code })
    else expect(verify([authority.leaf()], atMs)).toBe(workload)
  })

  it('a date beyond 2050 is read (GeneralizedTime)', () => {
    const late = new TestAuthority('example.org', { notAfterMs: Date.UTC(2061, 0, 1) })
    const leaf = late.leaf(undefined, { notAfterMs: Date.UTC(2060, 0, 1) })
    expect(verifyX509Svid([leaf.der], late.bundle, { atMs: Date.UTC(2059, 0, 1) }).notAfterMs).toBe(
      Date.UTC(2060, 0, 1),
    )
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined])('a time of %s is the caller’s mistake', (atMs) => {
    expect(() => verifyX509Svid([authority.leaf().der], bundles, { atMs: atMs as number })).toThrow(RangeError)
  })

  it('the life told is that of the whole path', () => {
    const intermediate = authority.intermediate({ notAfterMs: nowMs + 60_000 })
    const leaf = authority.leaf(undefined, {}, intermediate)
    const { notBeforeMs, notAfterMs } = verifyX509Svid([leaf.der, intermediate.der], bundles, { atMs: nowMs })
    expect([notBeforeMs, notAfterMs]).toEqual([nowMs - hourMs, nowMs + 60_000])
  })

  it('intermediates may come in any order, with strangers among them', () => {
    const first = authority.intermediate({ subject: 'first' })
    const second = authority.intermediate({ subject: 'second' }, first)
    const stranger = new TestAuthority('other.org').intermediate()
    expect(verify([authority.leaf(undefined, {}, second), stranger, first, second, authority.root])).toBe(workload)
  })

  it('X509-4.1-a: pathLen counts the intermediates below, self-issued ones not', () => {
    const narrow = new TestAuthority('example.org', { pathLength: 1 })
    const judge = (...chain: Issued[]): string =>
      verifyX509Svid(
        chain.map(({ der }) => der),
        narrow.bundle,
        { atMs: nowMs },
      ).id.toString()
    const one = narrow.intermediate({ subject: 'one' })
    const two = narrow.intermediate({ subject: 'two' }, one)
    const oneAgain = narrow.intermediate({ subject: 'one' }, one)
    expect(judge(narrow.leaf(undefined, {}, one), one)).toBe(workload)
    expect(refused(() => judge(narrow.leaf(undefined, {}, two), two, one))).toMatchObject({
      code: 'ERR_SVID_BAD_CHAIN',
      rule: 'X509-4.1-a',
    })
    expect(judge(narrow.leaf(undefined, {}, oneAgain), oneAgain, one)).toBe(workload)
    const none = narrow.intermediate({ subject: 'none', pathLength: 0 })
    const below = narrow.intermediate({ subject: 'below' }, none)
    expect(refused(() => judge(narrow.leaf(undefined, {}, below), below, none))).toMatchObject({ rule: 'X509-4.1-a' })
    expect(judge(narrow.leaf(undefined, {}, none), none)).toBe(workload)
  })

  it('a cross-signed intermediate leads to whichever authority we know', () => {
    const old = new TestAuthority('example.org', { subject: 'old root' })
    const key = makeKey()
    const byOld = old.intermediate({ subject: 'cross', key })
    const byNew = authority.intermediate({ subject: 'cross', key })
    const leaf = authority.leaf(undefined, {}, byNew)
    expect(verify([leaf, byOld, byNew])).toBe(workload)
    expect(verify([leaf, byNew, byOld])).toBe(workload)
    const expired = authority.intermediate({ subject: 'cross', key, notAfterMs: nowMs - 1000 })
    expect(verify([leaf, expired, byNew])).toBe(workload)
  })

  it('loops end: two authorities that sign each other', () => {
    const keys = [makeKey(), makeKey()] as const
    const stub = (subject: string, key: Issued['key']): Issued => ({ der: new Uint8Array(), subject, key })
    const a = authority.intermediate({ subject: 'a', key: keys[0] }, stub('b', keys[1]))
    const b = authority.intermediate({ subject: 'b', key: keys[1] }, stub('a', keys[0]))
    const leaf = authority.leaf(undefined, {}, a)
    expect(refused(() => verify([leaf, a, b]))).toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
  })

  it('work is bounded: many candidates of one name, and a chain too long', () => {
    const key = makeKey()
    const selves = Array.from({ length: 9 }, () =>
      authority.intermediate({ subject: 'x', key }, { der: new Uint8Array(), subject: 'x', key }),
    )
    const leaf = authority.leaf(undefined, {}, selves[0])
    expect(refused(() => verify([leaf, ...selves])).code).toMatch(/^ERR_SVID_(BAD_CHAIN|UNKNOWN_AUTHORITY)$/)
    const many = Array.from({ length: 10 }, () => authority.intermediate())
    expect(refused(() => verify([leaf, ...many]))).toMatchObject({ code: 'ERR_SVID_BAD_CHAIN' })
  })

  it.each(['p256', 'p384', 'p521', 'rsa2048', 'ed25519'] as const)('keys of the kind %s are accepted', (kind) => {
    const odd = new TestAuthority('example.org', { key: makeKey(kind) })
    const leaf = odd.leaf(undefined, { key: makeKey(kind) })
    expect(verifyX509Svid([leaf.der], odd.bundle, { atMs: nowMs }).id.toString()).toBe(workload)
    expect(own(leaf).id.toString()).toBe(workload)
  })

  it.each([
    ['sha256', true],
    ['sha384', true],
    ['sha512', true],
    ['pss-sha256', true],
    ['sha1', false],
    ['md5', false],
    ['pss-sha1', false],
  ] as const)('an RSA signature over %s: accepted %s', (signature, accepted) => {
    const leaf = rsaAuthority.leaf(undefined, { signature })
    const judge = (): string => verifyX509Svid([leaf.der], rsaAuthority.bundle, { atMs: nowMs }).id.toString()
    if (accepted) expect(judge()).toBe(workload)
    else expect(refused(judge)).toMatchObject({ code: 'ERR_SVID_ALGORITHM' })
  })

  let rsaAuthority: TestAuthority
  beforeAll(() => {
    rsaAuthority = new TestAuthority('example.org', { key: makeKey('rsa2048') })
  })

  it('RSA of 16,384 bits is refused: only its holder would gain by it', () => {
    const n = Buffer.concat([Buffer.of(0xc0), randomBytes(2046), Buffer.of(1)]).toString('base64url')
    const key = createPublicKey({ format: 'jwk', key: { kty: 'RSA', n, e: 'AQAB' } })
    expect(refused(() => verify([authority.leaf(undefined, { key })]))).toMatchObject({ code: 'ERR_SVID_ALGORITHM' })
  })

  it('RSA under 2048 bits is refused on a leaf, as a peer’s and as our own', () => {
    expect(refusedAsPeerAndOwn(authority.leaf(undefined, { key: makeKey('rsa1024') })).code).toBe('ERR_SVID_ALGORITHM')
  })
})

describe('X509-4.2-a: name constraints', () => {
  const subtrees = (bases: readonly Partial<GeneralName>[]): GeneralSubtrees =>
    new GeneralSubtrees(bases.map((base) => new GeneralSubtree({ base: new GeneralName(base) })))
  const constraint = (permitted: readonly Partial<GeneralName>[], excluded: readonly Partial<GeneralName>[] = []) => {
    const value = new NameConstraints({
      ...(permitted.length > 0 && { permittedSubtrees: subtrees(permitted) }),
      ...(excluded.length > 0 && { excludedSubtrees: subtrees(excluded) }),
    })
    return extension('2.5.29.30', true, value)
  }
  const uri = (base: string): Partial<GeneralName> => ({ uniformResourceIdentifier: base })

  const judge = (constraintExtension: ReturnType<typeof constraint>, plan: Partial<CertificatePlan> = {}): string => {
    const intermediate = authority.intermediate({ extensions: [constraintExtension] })
    return verify([authority.leaf(undefined, plan, intermediate), intermediate])
  }
  const dns = { names: [{ uniformResourceIdentifier: workload }, { dNSName: 'db.internal' }] }

  it.each([
    ['the trust domain itself', constraint([uri('example.org')]), {}],
    ['one of several', constraint([uri('other.org'), uri('example.org')]), {}],
    ['in any case', constraint([uri('EXAMPLE.org')]), {}],
    ['subdomains of its parent', constraint([uri('.org')]), {}],
    ['another excluded', constraint([], [uri('other.org')]), {}],
    ['DNS names below a permitted domain', constraint([{ dNSName: 'internal' }]), dns],
    ['kinds of names that the certificate does not bear', constraint([{ rfc822Name: 'example.org' }]), {}],
    ['DNS constraints when there is no DNS name', constraint([{ dNSName: 'elsewhere' }]), {}],
  ])('permits: %s', (_title, constraintExtension, plan) => {
    expect(judge(constraintExtension, plan)).toBe(workload)
  })

  it.each([
    ['another trust domain', constraint([uri('other.org')]), {}],
    ['subdomains only', constraint([uri('.example.org')]), {}],
    ['an excluded trust domain', constraint([], [uri('example.org')]), {}],
    ['excluded although permitted', constraint([uri('example.org')], [uri('.org')]), {}],
    ['a DNS name outside', constraint([{ dNSName: 'elsewhere' }]), dns],
    ['a DNS name excluded', constraint([], [{ dNSName: 'internal' }]), dns],
    [
      'a kind that we do not compare, and the certificate bears',
      constraint([{ iPAddress: '10.0.0.0/8' }]),
      { names: [{ uniformResourceIdentifier: workload }, { iPAddress: '10.0.0.1' }] },
    ],
  ])('refuses: %s', (_title, constraintExtension, plan) => {
    const wanted = { code: 'ERR_SVID_BAD_CHAIN', rule: 'X509-4.2-a' }
    expect(refused(() => judge(constraintExtension, plan))).toMatchObject(wanted)
  })

  it('a leaf that bears its issuer’s name is not exempt, as self-issued intermediates are', () => {
    const intermediate = authority.intermediate({ extensions: [constraint([uri('other.org')])] })
    const leaf = authority.leaf(undefined, { subject: intermediate.subject }, intermediate)
    expect(refused(() => verify([leaf, intermediate]))).toMatchObject({ rule: 'X509-4.2-a' })
  })

  it('an authority’s own constraints hold too', () => {
    const odd = new TestAuthority('example.org', { extensions: [constraint([uri('other.org')])] })
    expect(refused(() => verifyX509Svid([odd.leaf().der], odd.bundle, { atMs: nowMs }))).toMatchObject({
      rule: 'X509-4.2-a',
    })
  })
})

describe('our own SVID', () => {
  const leaf = authority.leaf()

  it('X509-5.2-c: with a chain, hint, key and life', () => {
    const intermediate = authority.intermediate({ notAfterMs: nowMs + 60_000 })
    const below = authority.leaf(undefined, {}, intermediate)
    const chain = Buffer.concat([below.der, intermediate.der])
    const svid = X509Svid.fromDer(chain, pkcs8(below.key), { hint: 'internal' })
    expect(svid.chain).toHaveLength(2)
    expect([svid.hint, svid.notBeforeMs, svid.notAfterMs]).toEqual(['internal', nowMs - hourMs, nowMs + 60_000])
    expect(svid.privateKey.equals(below.key)).toBe(true)
    const again = X509Svid.fromPem(svid.certificatesPem(), svid.privateKeyPem().expose())
    expect(again.chain.map((der) => Buffer.from(der))).toEqual(svid.chain.map((der) => Buffer.from(der)))
  })

  it.each(['sec1', 'pkcs8'] as const)('a key file may be %s', (type) => {
    const pem = leaf.key.export({ format: 'pem', type }).toString()
    expect(X509Svid.fromPem(own(leaf).certificatesPem(), pem).id.toString()).toBe(workload)
  })

  it('an encrypted key file is refused', () => {
    const options = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' } as const
    const pem = leaf.key.export(options).toString()
    const wanted = { code: 'ERR_SVID_KEY_MISMATCH' }
    expect(refused(() => X509Svid.fromPem(own(leaf).certificatesPem(), pem))).toMatchObject(wanted)
  })

  it('an empty hint is no hint', () => {
    expect(X509Svid.fromDer(leaf.der, pkcs8(leaf.key), { hint: '' }).hint).toBeUndefined()
  })

  it('PEM blocks may follow each other without a line break', () => {
    const intermediate = authority.intermediate()
    const svid = X509Svid.fromDer(
      Buffer.concat([authority.leaf(undefined, { key: leaf.key }, intermediate).der, intermediate.der]),
      pkcs8(leaf.key),
    )
    const joined = svid
      .certificatesPem()
      .replace(/\n-----BEGIN/g, '-----BEGIN')
      .trimEnd()
    expect(X509Svid.fromPem(joined, svid.privateKeyPem().expose()).chain).toHaveLength(2)
    expect(pemCertificates(joined.replaceAll('\n', '\r\n'))).toHaveLength(2)
  })

  it.each<[string, () => unknown]>([
    ['ERR_SVID_KEY_MISMATCH', () => X509Svid.fromDer(leaf.der, pkcs8(makeKey()))],
    ['ERR_SVID_KEY_MISMATCH', () => X509Svid.fromDer(leaf.der, pkcs8(makeKey('rsa2048')))],
    ['ERR_SVID_KEY_MISMATCH', () => X509Svid.fromDer(leaf.der, new Uint8Array())],
    ['ERR_SVID_KEY_MISMATCH', () => X509Svid.fromDer(leaf.der, leaf.der)],
    ['ERR_SVID_KEY_MISMATCH', () => X509Svid.fromPem(own(leaf).certificatesPem(), '')],
    ['ERR_SVID_KEY_MISMATCH', () => X509Svid.fromPem(own(leaf).certificatesPem(), own(leaf).certificatesPem())],
    ['ERR_SVID_MISSING', () => X509Svid.fromDer(new Uint8Array(), pkcs8(leaf.key))],
    ['ERR_SVID_MISSING', () => X509Svid.fromPem('', own(leaf).privateKeyPem().expose())],
    ['ERR_SVID_MALFORMED', () => X509Svid.fromDer(leaf.der.subarray(0, -1), pkcs8(leaf.key))],
    ['ERR_SVID_MALFORMED', () => X509Svid.fromDer(Buffer.concat([leaf.der, Buffer.of(0)]), pkcs8(leaf.key))],
    ['ERR_SVID_MALFORMED', () => X509Svid.fromPem('-----BEGIN CERTIFICATE-----\n', '')],
    [
      'ERR_SVID_MALFORMED',
      () => X509Svid.fromPem(own(leaf).privateKeyPem().expose(), own(leaf).privateKeyPem().expose()),
    ],
    [
      'ERR_SVID_BAD_CHAIN',
      () => X509Svid.fromDer(Buffer.concat([leaf.der, new TestAuthority().root.der]), pkcs8(leaf.key)),
    ],
    ['ERR_SVID_BAD_CHAIN', () => X509Svid.fromDer(Buffer.concat([leaf.der, authority.leaf().der]), pkcs8(leaf.key))],
  ])('%s: what is not whole is refused', (code, make) => expect(refused(make)).toMatchObject({ code }))

  it('its key shows nowhere', () => {
    const svid = own(leaf)
    const secret = pkcs8(leaf.key)
    const shown = [
      inspect(svid, { depth: 9, showHidden: true }),
      JSON.stringify(svid),
      String(svid),
      inspect(svid.privateKeyPem()),
    ]
    const body = svid.privateKeyPem().expose().split('\n')[1] as string
    for (const text of shown) {
      expect(text).not.toContain(body)
      expect(text).not.toContain(Buffer.from(secret).toString('hex').slice(0, 40))
    }
    expect(shown[0]).toContain(workload)
    const mismatch = refused(() =>
      X509Svid.fromPem(svid.certificatesPem(), own(authority.leaf()).privateKeyPem().expose()),
    )
    expect(inspect(mismatch, { depth: 9 })).not.toContain('PRIVATE KEY-----')
  })
})

describe('properties', () => {
  const chain = [authority.leaf().der]

  it('any bytes as a certificate are refused as an SvidError', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 100 }).map((body) => Uint8Array.of(0x30, body.length, ...body)),
    )
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 3 }), (garbage) => {
        expect(refused(() => verifyX509Svid(garbage, bundles, { atMs: nowMs }))).toBeInstanceOf(SvidError)
        const joined = Buffer.concat(garbage)
        expect(refused(() => X509Svid.fromDer(joined, joined))).toBeInstanceOf(SvidError)
      }),
    )
  })

  it('a right certificate with any byte changed is refused, never misread, and nothing else is thrown', () => {
    const [leaf] = chain as [Uint8Array]
    fc.assert(
      fc.property(fc.nat(leaf.length - 1), fc.integer({ min: 1, max: 255 }), (index, mask) => {
        const changed = Uint8Array.from(leaf)
        changed[index] = (changed[index] ?? 0) ^ mask
        expect(refused(() => verifyX509Svid([changed], bundles, { atMs: nowMs }))).toBeInstanceOf(SvidError)
      }),
      { numRuns: 400 },
    )
  })

  it('any text as PEM is certificates or a typed error', () => {
    const line = fc.oneof(
      fc.constantFrom('-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', 'MIIB', '\n'),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const text = lines.join('\n')
        for (const read of [() => pemCertificates(text), () => X509Bundle.fromPem(TrustDomain.parse('a'), text)]) {
          try {
            read()
          } catch (error) {
            expect(isTyped(error)).toBe(true)
          }
        }
      }),
    )
  })
})

/** Cases on which RFC 5280 alone decides, judged by OpenSSL too. */
describe('the same verdict as `openssl verify`', () => {
  const openssl = opensslVersion()

  const cases: [string, () => { chain: Issued[]; root: Issued }][] = [
    ['a leaf', () => ({ chain: [authority.leaf()], root: authority.root })],
    [
      'an intermediate',
      () => {
        const intermediate = authority.intermediate()
        return { chain: [authority.leaf('/a', {}, intermediate), intermediate], root: authority.root }
      },
    ],
    [
      'a missing intermediate',
      () => ({ chain: [authority.leaf('/a', {}, authority.intermediate())], root: authority.root }),
    ],
    ['an expired leaf', () => ({ chain: [authority.leaf('/a', { notAfterMs: nowMs - 1000 })], root: authority.root })],
    [
      'an expired root',
      () => {
        const old = new TestAuthority('example.org', { notAfterMs: nowMs - 1000 })
        return { chain: [old.leaf()], root: old.root }
      },
    ],
    [
      'pathLen 0 with an intermediate',
      () => {
        const narrow = new TestAuthority('example.org', { pathLength: 0 })
        const intermediate = narrow.intermediate()
        return { chain: [narrow.leaf('/a', {}, intermediate), intermediate], root: narrow.root }
      },
    ],
    [
      'an intermediate that is no authority',
      () => {
        const intermediate = authority.intermediate({ ca: false })
        return { chain: [authority.leaf('/a', {}, intermediate), intermediate], root: authority.root }
      },
    ],
    [
      'a critical extension nobody knows',
      () => ({
        chain: [authority.leaf('/a', { extensions: [extension('1.2.3.4', true, Uint8Array.of(5, 0))] })],
        root: authority.root,
      }),
    ],
    ['another root', () => ({ chain: [authority.leaf()], root: new TestAuthority('example.org').root })],
    [
      'a self-signed leaf',
      () => {
        const key = makeKey()
        const leaf = certify({
          subject: 'x',
          names: [{ uniformResourceIdentifier: workload }],
          keyUsage: 1,
          ca: false,
          key,
        })
        return { chain: [leaf], root: authority.root }
      },
    ],
  ]

  it.skipIf(openssl === undefined).each(cases)(
    `%s (${openssl ?? 'skipped: no openssl command here'})`,
    (_title, make) => {
      const { chain, root } = make()
      const bundle = X509Bundle.of(authority.trustDomain, [root.der])
      const ours = accepts(() =>
        verifyX509Svid(
          chain.map(({ der }) => der),
          bundle,
          { atMs: nowMs },
        ),
      )
      expect(ours).toBe(opensslAccepts(chain, root))
    },
  )
})

function accepts(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch (error) {
    if (isTyped(error)) return false
    throw error
  }
}

function opensslVersion(): string | undefined {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

function opensslAccepts([leaf, ...signing]: readonly Issued[], root: Issued): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'chaveiro-verify-'))
  const pem = ({ der }: Issued): string => {
    const lines =
      Buffer.from(der)
        .toString('base64')
        .match(/.{1,64}/g) ?? []
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  }
  const file = (name: string, issued: readonly Issued[]): string => {
    writeFileSync(join(folder, name), issued.map(pem).join(''))
    return join(folder, name)
  }
  try {
    const untrusted = signing.length > 0 ? ['-untrusted', file('untrusted.pem', signing)] : []
    const leafFile = file('leaf.pem', leaf ? [leaf] : [])
    const at = ['-attime', String(nowMs / 1000)]
    execFileSync('openssl', ['verify', '-CAfile', file('root.pem', [root]), ...at, ...untrusted, leafFile], {
      stdio: 'pipe',
    })
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true })
  }
}
