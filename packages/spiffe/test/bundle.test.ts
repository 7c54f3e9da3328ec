import { createPublicKey } from 'node:crypto'
import {
  BundleError,
  BundleSet,
  JwtBundle,
  parseBundle,
  parseBundleMap,
  SpiffeBundle,
  TrustDomain,
  verifyX509Svid,
  X509Bundle,
} from '@chaveiro/spiffe'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeKey, nowMs, TestAuthority } from './authority.js'
import { isTyped, refused } from './refused.js'
import { type Json, jwkOf, jwks } from './tokens.js'

const authority = new TestAuthority()
const td = authority.trustDomain
const key = makeKey()
const jwtEntry = jwkOf(key, { kid: 'one', use: 'jwt-svid' })
const x5c = [Buffer.from(authority.root.der).toString('base64')]
const x509Entry = jwkOf(authority.root.key, { use: 'x509-svid', x5c })

const parse = (document: unknown): SpiffeBundle => SpiffeBundle.parse(td, JSON.stringify(document))
const counts = ({ x509, jwt, ignoredKeys }: SpiffeBundle): number[] => [
  x509.authorities.length,
  jwt.keyIds.length,
  ignoredKeys,
]

describe('SPIFFE bundles', () => {
  it('BND-3-a: a bundle carries the trust domain that it was read for', () => {
    const bundle = parse({ keys: [jwtEntry, x509Entry] })
    expect(counts(bundle)).toEqual([1, 1, 0])
    expect([bundle.trustDomain, bundle.x509.trustDomain, bundle.jwt.trustDomain].map(String)).toEqual(
      Array(3).fill('example.org'),
    )
    expect(bundle.x509BundleFor(TrustDomain.parse('other.org'))).toBeUndefined()
    expect(bundle.jwtBundleFor(TrustDomain.parse('other.org'))).toBeUndefined()
    expect(bundle.x509BundleFor(td)).toBe(bundle.x509)
  })

  it('BND-3-a: two halves of different trust domains do not make a bundle', () => {
    const jwt = JwtBundle.fromEntries(TrustDomain.parse('other.org'), [])
    expect(refused(() => SpiffeBundle.of({ x509: authority.bundle, jwt }))).toMatchObject({ rule: 'BND-3-a' })
  })

  it('BND-4.1-a: extra parameters are ignored, and dropped on writing', () => {
    const bundle = parse({ keys: [{ ...jwtEntry, extra: 1 }], something: { else: true } })
    expect(counts(bundle)).toEqual([0, 1, 0])
    expect(bundle.toJson()).not.toMatch(/extra|something/)
  })

  it.each([
    ['1', 1n],
    ['0', 0n],
    ['9007199254740993', 9007199254740993n],
    ['18446744073709551615', 18446744073709551615n],
    ['123456789012345678901234567890', 123456789012345678901234567890n],
  ])('BND-4.1.1-a: the sequence %s keeps all its digits, read and written', (written, sequence) => {
    const bundle = SpiffeBundle.parse(td, `{"keys":[],"spiffe_sequence":${written}}`)
    expect(bundle.sequence).toBe(sequence)
    expect(bundle.toJson()).toContain(`"spiffe_sequence":${written}}`)
    expect(SpiffeBundle.parse(td, bundle.toJson()).sequence).toBe(sequence)
  })

  it.each(['1.5', '"1"', 'true', '[]', '1e400'])('BND-4.1.1-a: the sequence %s is refused', (written) => {
    const wanted = { code: 'ERR_BUNDLE_PARAMETER', rule: 'BND-4.1.1-a' }
    expect(refused(() => SpiffeBundle.parse(td, `{"keys":[],"spiffe_sequence":${written}}`))).toMatchObject(wanted)
  })

  it.each([
    ['300', 300],
    ['0', undefined],
    ['-5', undefined],
    ['null', undefined],
    ['3000000', 3_000_000],
    ['99999999999999999999', Number.MAX_SAFE_INTEGER],
  ])('BND-4.1.2-a: a refresh hint of %s seconds is %s', (written, seconds) => {
    expect(SpiffeBundle.parse(td, `{"keys":[],"spiffe_refresh_hint":${written}}`).refreshHintSeconds).toBe(seconds)
  })

  it.each(['1.5', '"300"', 'true', '{}'])('BND-4.1.2-a: a refresh hint of %s is refused', (written) => {
    const wanted = { code: 'ERR_BUNDLE_PARAMETER', rule: 'BND-4.1.2-a' }
    expect(refused(() => SpiffeBundle.parse(td, `{"keys":[],"spiffe_refresh_hint":${written}}`))).toMatchObject(wanted)
  })

  it('BND-6.1-a: no hint is told as none, the default is for who polls', () => {
    expect(parse({ keys: [] }).refreshHintSeconds).toBeUndefined()
  })

  it.each(['{}', '{"keys":null}', '{"keys":{}}', '{"keys":"x"}'])(
    'BND-4.1.3-a: without an array of keys (%s) it is refused',
    (text) => {
      const wanted = { name: 'BundleError', code: 'ERR_BUNDLE_PARAMETER', rule: 'BND-4.1.3-a' }
      expect(refused(() => SpiffeBundle.parse(td, text))).toMatchObject(wanted)
      expect(refused(() => JwtBundle.fromJwks(td, text))).toMatchObject(wanted)
    },
  )

  it.each(['', 'null', '[]', '1', '"x"', '{', 'not json', '{"keys":[]} x', "{'keys':[]}", '{"keys":[],}', '\u0000'])(
    'BND-4.1.3-a: %j is no document',
    (text) => expect(refused(() => SpiffeBundle.parse(td, text))).toMatchObject({ code: 'ERR_BUNDLE_MALFORMED' }),
  )

  it.each<[string, unknown]>([
    ['an unknown kty', { kty: 'AKP', alg: 'ML-DSA-65', pub: 'AAAA', kid: 'pq', use: 'jwt-svid' }],
    ['an unknown use', { ...jwtEntry, kid: 'x', use: 'pq-svid' }],
    ['an unknown curve', { ...jwtEntry, kid: 'x', crv: 'P-999' }],
    ['a curve that JWT-SVIDs do not use', jwkOf(makeKey('secp256k1'), { kid: 'x', use: 'jwt-svid' })],
    ['an Ed25519 key', jwkOf(makeKey('ed25519'), { kid: 'x', use: 'jwt-svid' })],
    ['a point that is not on its curve', { ...jwtEntry, kid: 'x', y: jwtEntry.x }],
    ['a key without its parts', { kty: 'EC', kid: 'x', use: 'jwt-svid' }],
    ['a symmetric key', { kty: 'oct', k: 'AAAA', kid: 'x', use: 'jwt-svid' }],
    ['a null', null],
    ['a text', 'key'],
    ['a list', []],
    ['an entry without anything', {}],
    ['a certificate that is none', { kty: 'EC', use: 'x509-svid', x5c: ['AAAA'] }],
    ['a key for an algorithm that JWT-SVIDs do not use', { ...jwtEntry, kid: 'x', alg: 'HS256' }],
  ])('BND-4.1.3-b: %s is ignored and counted, the rest is kept', (_title, entry) => {
    expect(counts(parse({ keys: [entry, jwtEntry, x509Entry] }))).toEqual([1, 1, 1])
  })

  it('BND-4.1.3-c: no keys, or none usable, is a valid bundle that trusts nobody', () => {
    for (const keys of [[], [{ kty: 'AKP', use: 'x509-svid' }]]) {
      const bundle = parse({ keys, spiffe_sequence: 2 })
      expect(counts(bundle)).toEqual([0, 0, keys.length])
      const judge = () => verifyX509Svid([authority.leaf().der], bundle, { atMs: nowMs })
      expect(refused(judge)).toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
    }
  })

  it('BND-4.2-a: the writer puts kty, use, the key, kid or x5c in an entry, and nothing else', () => {
    const { keys } = JSON.parse(
      parse({ keys: [{ ...jwtEntry, alg: 'ES256', key_ops: ['verify'] }, x509Entry] }).toJson(),
    ) as {
      keys: Json[]
    }
    expect(keys.map((entry) => Object.keys(entry).sort())).toEqual([
      ['crv', 'kty', 'use', 'x', 'x5c', 'y'],
      ['crv', 'kid', 'kty', 'use', 'x', 'y'],
    ])
  })

  it('BND-4.2.1-a: a private key is ignored whole, and never written', () => {
    const exposed = { ...key.export({ format: 'jwk' }), kid: 'x', use: 'jwt-svid' }
    const bundle = parse({ keys: [exposed, jwtEntry] })
    expect(counts(bundle)).toEqual([0, 1, 1])
    expect(bundle.toJson()).not.toContain('"d"')
  })

  it.each([undefined, null, '', 'X509-SVID', 'JWT-SVID', 'sig', 'jwt-svid ', 1])(
    'BND-4.2.2-a: an entry of the use %j is ignored, its use is never guessed',
    (use) =>
      expect(
        counts(
          parse({
            keys: [
              { ...jwtEntry, use },
              { ...x509Entry, use },
            ],
          }),
        ),
      ).toEqual([0, 0, 2]),
  )

  it('JWT-6.1-a: an entry without kid is no authority; the writer sets kid and use', () => {
    for (const kid of [undefined, null, '', 1])
      expect(counts(parse({ keys: [{ ...jwtEntry, kid }] }))).toEqual([0, 0, 1])
    expect(parse({ keys: [jwtEntry] }).toJson()).toMatch(/"use":"jwt-svid","kid":"one"/)
  })

  it('of two entries with one kid the first counts', () => {
    const other = makeKey()
    const bundle = parse({ keys: [jwtEntry, jwkOf(other, { kid: 'one', use: 'jwt-svid' })] })
    expect(counts(bundle)).toEqual([0, 1, 1])
    expect(bundle.jwt.key('one')?.publicKey.equals(createPublicKey(key))).toBe(true)
  })
})

describe('X.509 entries', () => {
  it('X509-6.1-a: written without kid, with exactly one base64 certificate, and read back the same', () => {
    const bundle = parse({ keys: [x509Entry] })
    const { keys } = JSON.parse(bundle.toJson()) as { keys: { kid?: string; x5c: string[] }[] }
    expect(keys[0]?.kid).toBeUndefined()
    expect(keys[0]?.x5c).toEqual(x5c)
    expect(SpiffeBundle.parse(td, bundle.toJson()).toJson()).toBe(bundle.toJson())
  })

  it.each(['p256', 'p384', 'ed25519', 'rsa2048'] as const)(
    'X509-6.1-a: an authority with a %s key is written and read',
    (kind) => {
      const odd = new TestAuthority('example.org', { key: makeKey(kind) })
      const bundle = SpiffeBundle.of({ x509: odd.bundle, jwt: JwtBundle.fromEntries(td, []) })
      expect(SpiffeBundle.parse(td, bundle.toJson()).x509.authorities).toHaveLength(1)
    },
  )

  it.each([[undefined], [null], [[]], [['']], ['text'], [{}], [[1]]])(
    'X509-6.2-a: an entry with x5c %j is ignored',
    (value) => {
      expect(counts(parse({ keys: [{ ...x509Entry, x5c: value }] }))).toEqual([0, 0, 1])
    },
  )

  it('X509-6.2-a: only the first certificate of an entry counts', () => {
    const second = Buffer.from(new TestAuthority().root.der).toString('base64')
    const { authorities } = parse({ keys: [{ ...x509Entry, x5c: [...x5c, second] }] }).x509
    expect(authorities.map((der) => Buffer.from(der).toString('base64'))).toEqual(x5c)
  })

  it('X509-6.1-a: base64url in x5c is not base64', () => {
    const url = Buffer.from(authority.root.der).toString('base64url')
    expect(counts(parse({ keys: [{ ...x509Entry, x5c: [url] }] }))).toEqual([0, 0, 1])
  })

  it('X509-6.2-b: no such entry is a trust domain without X.509, not a broken bundle', () => {
    expect(counts(parse({ keys: [jwtEntry] }))).toEqual([0, 1, 0])
  })
})

describe('bundle maps', () => {
  const bundleJson = JSON.stringify({ keys: [jwtEntry, x509Entry] })

  it('BND-5.1.1-a: keyed by trust domain name, possibly empty', () => {
    const { bundles } = parseBundleMap(`{"trust_domains":{"example.org":${bundleJson},"other.org":{"keys":[]}}}`)
    expect([...bundles.keys()]).toEqual(['example.org', 'other.org'])
    expect(bundles.get('example.org')?.x509.authorities).toHaveLength(1)
    expect(bundles.get('other.org')?.trustDomain.name).toBe('other.org')
    expect(parseBundleMap('{"trust_domains":{}}').bundles.size).toBe(0)
  })

  it.each([
    '{"trust_domains":{"a":{"keys":[]},"a":{"keys":[]}}}',
    '{"trust_domains":{"a":{"keys":[]},"\\u0061":{"keys":[]}}}',
    '{"trust_domains":{},"trust_domains":{}}',
  ])('BND-5.1.1-a: a name that occurs twice is refused: %s', (text) => {
    const wanted = { code: 'ERR_BUNDLE_DUPLICATE_NAME', rule: 'BND-5.1.1-a' }
    expect(refused(() => parseBundleMap(text))).toMatchObject(wanted)
  })

  it.each([
    '{}',
    '{"trust_domains":null}',
    '{"trust_domains":[]}',
    '{"trust_domains":{"spiffe://a":{"keys":[]}}}',
    '{"trust_domains":{"A":{"keys":[]}}}',
    '{"trust_domains":{"a/b":{"keys":[]}}}',
    '{"trust_domains":{"":{"keys":[]}}}',
    '{"trust_domains":{"__proto__":{"keys":1}}}',
  ])('BND-5.1.1-a: %s is refused', (text) => expect(refused(() => parseBundleMap(text))).toBeInstanceOf(BundleError))

  it('BND-5.1.1-a: a refresh hint inside a bundle never changes the map’s', () => {
    const inside = '{"trust_domains":{"a":{"keys":[],"spiffe_refresh_hint":5}}}'
    expect(parseBundleMap(inside).refreshHintSeconds).toBeUndefined()
    const both = '{"trust_domains":{"a":{"keys":[],"spiffe_refresh_hint":5}},"spiffe_refresh_hint":600}'
    expect(parseBundleMap(both).refreshHintSeconds).toBe(600)
  })

  it.each(['{}', '{"keys":null}', '[]', '1', '{"keys":[],"spiffe_sequence":1.5}'])(
    'BND-B: one bad bundle (%s) costs the whole map',
    (bad) => {
      const text = `{"trust_domains":{"example.org":${bundleJson},"other.org":${bad}}}`
      expect(refused(() => parseBundleMap(text))).toBeInstanceOf(BundleError)
    },
  )
})

describe('BundleSet', () => {
  const other = new TestAuthority('other.org')

  it('finds each bundle by its trust domain, of each kind apart', () => {
    const set = new BundleSet([authority.bundle, JwtBundle.fromEntries(other.trustDomain, [])])
    expect(set.x509BundleFor(td)?.authorities).toHaveLength(1)
    expect(set.jwtBundleFor(td)).toBeUndefined()
    expect(set.x509BundleFor(other.trustDomain)).toBeUndefined()
    expect(set.jwtBundleFor(other.trustDomain)?.keyIds).toEqual([])
  })

  it('a second bundle of one trust domain is refused, never merged', () => {
    const set = new BundleSet([authority.bundle])
    expect(refused(() => set.add(new TestAuthority().bundle))).toMatchObject({
      code: 'ERR_BUNDLE_DUPLICATE_TRUST_DOMAIN',
    })
  })

  it('BND-6.2-a: an authority that several trust domains share is told', () => {
    const shared = X509Bundle.of(other.trustDomain, [other.root.der, authority.root.der])
    const [told, ...rest] = new BundleSet([authority.bundle, shared]).sharedAuthorities()
    expect(rest).toEqual([])
    expect(told?.trustDomains.map(String)).toEqual(['example.org', 'other.org'])
    expect(new BundleSet([authority.bundle, other.bundle]).sharedAuthorities()).toEqual([])
  })
})

describe('X509Bundle', () => {
  const second = new TestAuthority()
  const pem = (...ders: Uint8Array[]): string =>
    ders
      .map((der) => `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----`)
      .join('')

  it('reads certificates laid end to end, and as PEM', () => {
    const both = Buffer.concat([authority.root.der, second.root.der])
    expect(X509Bundle.fromDer(td, both).authorities).toHaveLength(2)
    expect(X509Bundle.fromPem(td, pem(authority.root.der, second.root.der)).authorities).toHaveLength(2)
    expect(X509Bundle.fromPem(td, `# a comment\n${pem(authority.root.der)}\n`).authorities).toHaveLength(1)
    expect(X509Bundle.fromDer(td, new Uint8Array()).authorities).toEqual([])
    expect(X509Bundle.of(td, [authority.root.der, authority.root.der]).authorities).toHaveLength(1)
  })

  it.each<[string, () => unknown]>([
    ['trailing bytes', () => X509Bundle.fromDer(td, Buffer.concat([authority.root.der, Buffer.of(0)]))],
    ['a cut-off certificate', () => X509Bundle.fromDer(td, authority.root.der.subarray(0, -1))],
    ['no certificate', () => X509Bundle.fromDer(td, Buffer.of(0x30, 0))],
    ['an indefinite length', () => X509Bundle.fromDer(td, Buffer.of(0x30, 0x80, 0, 0))],
    ['two in one', () => X509Bundle.of(td, [Buffer.concat([authority.root.der, second.root.der])])],
    ['no PEM block', () => X509Bundle.fromPem(td, 'hello')],
    ['a private key', () => X509Bundle.fromPem(td, key.export({ format: 'pem', type: 'pkcs8' }).toString())],
    [
      'a cut-off PEM block',
      () => X509Bundle.fromPem(td, `${pem(authority.root.der)}\n-----BEGIN CERTIFICATE-----\nMIIB`),
    ],
    [
      'PEM that is not base64',
      () => X509Bundle.fromPem(td, '-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----'),
    ],
  ])('%s is refused', (_title, read) => {
    expect(refused(read)).toMatchObject({ name: 'BundleError', code: 'ERR_BUNDLE_MALFORMED' })
  })
})

describe('parseBundle tells the forms apart by content', () => {
  const shape = (text: string): number[] => {
    const { x509, jwt } = parseBundle(td, text)
    return [x509.authorities.length, jwt.keyIds.length]
  }
  const certificate = `-----BEGIN CERTIFICATE-----\n${x5c[0]}\n-----END CERTIFICATE-----\n`

  it.each([
    ['PEM', certificate, [1, 0]],
    ['a SPIFFE bundle', JSON.stringify({ keys: [x509Entry, jwtEntry] }), [1, 1]],
    ['an empty SPIFFE bundle', '{"keys":[],"spiffe_sequence":1}', [0, 0]],
    ['a plain JWK set', jwks(jwkOf(key, { kid: 'a' })), [0, 1]],
    ['a JWK set for signatures', ` \n${jwks(jwkOf(key, { kid: 'a', use: 'sig', alg: 'ES256' }))}`, [0, 1]],
    ['JSON that quotes PEM', JSON.stringify({ keys: [jwtEntry], note: certificate }), [0, 1]],
    [
      'a SPIFFE bundle whose other keys have no use',
      JSON.stringify({ keys: [x509Entry, jwkOf(key, { kid: 'a' })] }),
      [1, 0],
    ],
  ])('%s', (_title, text, wanted) => expect(shape(text)).toEqual(wanted))

  it.each(['', 'hello', '{}', '[]', '-----BEGIN', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'])(
    '%j is none',
    (text) => expect(refused(() => parseBundle(td, text))).toBeInstanceOf(BundleError),
  )
})

describe('JSON is read strictly', () => {
  it.each(['{"keys":[],"keys":[]}', '{"keys":[{"kid":"a","kid":"b"}]}'])(
    'a name twice, at any depth, is refused: %s',
    (text) => {
      expect(refused(() => SpiffeBundle.parse(td, text))).toMatchObject({ code: 'ERR_BUNDLE_DUPLICATE_NAME' })
    },
  )

  it('deep nesting, large documents and bytes that are no UTF-8 are refused', () => {
    const deep = `{"keys":[],"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    expect(refused(() => SpiffeBundle.parse(td, deep))).toMatchObject({ code: 'ERR_BUNDLE_MALFORMED' })
    const large = `{"keys":[],"x":"${'x'.repeat(5 * 1024 * 1024)}"}`
    expect(refused(() => SpiffeBundle.parse(td, large))).toMatchObject({ code: 'ERR_BUNDLE_TOO_LARGE' })
    expect(refused(() => SpiffeBundle.parse(td, Buffer.from([0x7b, 0xff, 0x7d])))).toMatchObject({
      code: 'ERR_BUNDLE_MALFORMED',
    })
  })

  it('agrees with JSON.parse on what JSON is, but for names that occur twice', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.json().map((text) => text.slice(1)),
        ),
        (extra) => {
          const text = `{"keys":[],"x":${extra}}`
          const wanted = accepted(() => JSON.parse(text))
          const ours = accepted(() => SpiffeBundle.parse(td, text))
          // Names repeated inside `extra` are the one reason to refuse what JSON.parse accepts.
          if (wanted !== ours) expect(codeOf(text)).toBe('ERR_BUNDLE_DUPLICATE_NAME')
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('properties', () => {
  const entry = fc.dictionary(
    fc.constantFrom('kty', 'use', 'kid', 'x5c', 'crv', 'x', 'y', 'n', 'e', 'alg', '__proto__', 'constructor'),
    fc.oneof(fc.constantFrom<unknown>('EC', 'RSA', 'P-256', 'x509-svid', 'jwt-svid', x5c, jwtEntry.x), fc.jsonValue()),
  )
  const document = fc.record({
    keys: fc.array(fc.oneof(entry, fc.constant(jwtEntry), fc.constant(x509Entry), fc.jsonValue())),
  })

  it('any entries make a bundle, all of them counted, that is written and read back the same', () => {
    fc.assert(
      fc.property(document, ({ keys }) => {
        const bundle = parse({ keys })
        const certificates = keys.filter((key) => JSON.stringify(key) === JSON.stringify(x509Entry)).length
        const again = SpiffeBundle.parse(td, bundle.toJson())
        expect([again.toJson(), again.ignoredKeys]).toEqual([bundle.toJson(), 0])
        // Repeated certificates are kept once.
        expect(bundle.ignoredKeys + bundle.jwt.keyIds.length).toBeLessThanOrEqual(keys.length)
        if (certificates > 0) expect(bundle.x509.authorities.length).toBeGreaterThan(0)
      }),
    )
  })

  it('any text and any bytes are a bundle or a BundleError', () => {
    const readers = [
      (text: string) => SpiffeBundle.parse(td, text),
      (text: string) => JwtBundle.fromJwks(td, text),
      (text: string) => parseBundle(td, text),
      (text: string) => parseBundleMap(text),
      (text: string) => X509Bundle.fromPem(td, text),
      (text: string) => X509Bundle.fromDer(td, Buffer.from(text, 'latin1')),
      (text: string) => SpiffeBundle.parse(td, Buffer.from(text, 'latin1')),
    ]
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json(),
          document.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          for (const read of readers) {
            try {
              read(text)
            } catch (error) {
              if (!isTyped(error)) throw error
            }
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

function accepted(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch {
    return false
  }
}

function codeOf(text: string): string | undefined {
  try {
    SpiffeBundle.parse(td, text)
    return undefined
  } catch (error) {
    return (error as BundleError).code
  }
}
