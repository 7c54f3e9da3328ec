import { createHmac, createPublicKey, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { BundleSet, JwtBundle, JwtSvid, SpiffeBundle, SvidError, TrustDomain, verifyJwtSvid } from '@chaveiro/spiffe'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type KeyKind, makeKey, nowMs, TestAuthority } from './authority.js'
import { refused, refusedLater } from './refused.js'
import { type Json, jwkOf, jwks, jwtBundle, part, signParts } from './tokens.js'

const td = TrustDomain.parse('example.org')
const key = makeKey()
const bundle = jwtBundle(td, { one: key })
const audience = 'service-registry.example.org'
const nowSeconds = nowMs / 1000

const header: Json = { alg: 'ES256', kid: 'one', typ: 'JWT' }
const claims: Json = {
  sub: 'spiffe://example.org/ns/core/sa/worker',
  aud: [audience],
  exp: nowSeconds + 300,
  iat: nowSeconds,
}

/** A right token, but for what is given; `undefined` leaves a member out. */
const token = (changes: { header?: Json; claims?: Json } = {}): string =>
  signParts({ ...header, ...changes.header }, { ...claims, ...changes.claims }, key)

type Options = Partial<Parameters<typeof verifyJwtSvid>[2]>
const verify = (text: string, options: Options = {}): Promise<JwtSvid> =>
  verifyJwtSvid(text, bundle, { audience, atMs: nowMs, ...options })

it('a right token is accepted, and says what it says', async () => {
  const svid = await verify(token({ claims: { jti: 'x' } }))
  expect(svid.id.toString()).toBe(claims.sub)
  expect(svid.audience).toEqual([audience])
  expect([svid.expiresAtMs, svid.issuedAtMs, svid.keyId]).toEqual([nowMs + 300_000, nowMs, 'one'])
  // JWT-7: jti is there and need not be tracked.
  expect((await verify(svid.token.expose())).claims.jti).toBe('x')
})

describe('JWT-1-a: the compact serialisation and no other', () => {
  const [head, body, signature] = token().split('.') as [string, string, string]

  it.each([
    ['no token', '', 'ERR_SVID_MISSING'],
    ['two parts', `${head}.${body}`, 'ERR_SVID_MALFORMED'],
    ['no signature', `${head}.${body}.`, 'ERR_SVID_MALFORMED'],
    ['four parts', `${head}.${body}.${signature}.x`, 'ERR_SVID_MALFORMED'],
    ['five parts, as encrypted ones have', `${head}.${body}.${signature}.x.y`, 'ERR_SVID_MALFORMED'],
    ['JSON serialisation', JSON.stringify({ protected: head, payload: body, signature }), 'ERR_SVID_MALFORMED'],
    ['padding', `${head}=.${body}.${signature}`, 'ERR_SVID_MALFORMED'],
    ['the other alphabet', `${head}.${body}.${signature.slice(0, -2)}+/`, 'ERR_SVID_MALFORMED'],
    ['space around it', ` ${token()} `, 'ERR_SVID_MALFORMED'],
    ['a line break in it', `${head}.${body}\n.${signature}`, 'ERR_SVID_MALFORMED'],
    ['"Bearer" left on', `Bearer ${token()}`, 'ERR_SVID_MALFORMED'],
    [
      'left-over bits in the signature',
      `${head}.${body}.${signature.slice(0, -1)}${nextDigit(signature)}`,
      'ERR_SVID_MALFORMED',
    ],
    ['a header that is no JSON', signParts('{', claims, key), 'ERR_SVID_BAD_HEADER'],
    ['a header that is a list', signParts('[]', claims, key), 'ERR_SVID_MALFORMED'],
    ['a payload that is no JSON', signParts(header, 'x', key), 'ERR_SVID_BAD_CLAIM'],
    ['a payload that is a text', signParts(header, '"x"', key), 'ERR_SVID_MALFORMED'],
    [
      'a header with a name twice',
      signParts('{"alg":"none","alg":"ES256","kid":"one"}', claims, key),
      'ERR_SVID_BAD_HEADER',
    ],
    [
      'claims with a name twice, once escaped',
      signParts(
        header,
        `{"sub":"spiffe://example.org/a","s\\u0075b":"spiffe://example.org/b","aud":"${audience}","exp":9e9}`,
        key,
      ),
      'ERR_SVID_BAD_CLAIM',
    ],
    ['more than 16 KiB', token({ claims: { padding: 'x'.repeat(16_384) } }), 'ERR_SVID_MALFORMED'],
    ['a byte order mark', signParts(`\ufeff${JSON.stringify(header)}`, claims, key), 'ERR_SVID_BAD_HEADER'],
  ])('%s is refused', async (_title, text, code) => {
    expect(await refusedLater(verify(text))).toMatchObject({ name: 'SvidError', code })
    expect(refused(() => JwtSvid.parseUnverified(text))).toMatchObject({ code })
  })

  it('bytes that are no UTF-8 are refused', async () => {
    const input = `${part(header)}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}`
    expect(await refusedLater(verify(`${input}.${signature}`))).toMatchObject({ code: 'ERR_SVID_BAD_CLAIM' })
  })
})

describe('headers', () => {
  it.each(['crit', 'b64', 'jku', 'jwk', 'x5c', 'x5u', 'cty', 'zip'])('JWT-2-a: the header "%s"', async (name) => {
    const value = { crit: ['exp'], b64: false, jku: 'https://evil', jwk: jwkOf(makeKey()), x5c: [''] }[name] ?? 'x'
    const text = token({ header: { [name]: value } })
    if (name === 'crit' || name === 'b64') {
      expect(await refusedLater(verify(text))).toMatchObject({ code: 'ERR_SVID_BAD_HEADER', rule: 'JWT-2-a' })
    } else {
      // Not followed, not used: the signature is still checked by the bundle's key.
      expect((await verify(text)).id.path).toBe('/ns/core/sa/worker')
    }
  })

  it('JWT-2-a: a key in the token’s own header is never used', async () => {
    const mine = makeKey()
    const forged = signParts({ ...header, jwk: jwkOf(mine) }, claims, mine)
    expect(await refusedLater(verify(forged))).toMatchObject({ code: 'ERR_SVID_BAD_SIGNATURE' })
  })

  it.each([
    'none',
    'None',
    'HS256',
    'HS512',
    'EdDSA',
    'ES256K',
    'RS1',
    'es256',
    'dir',
    '',
    1,
    null,
    ['ES256'],
    'toString',
    '__proto__',
  ])('JWT-2.1-a: the algorithm %j is refused before any key is asked for', async (alg) => {
    const source = { jwtBundleFor: () => expect.fail('the bundle was asked for') }
    const unsigned = `${part({ ...header, alg })}.${part(claims)}.${part('x')}`
    const promise = verifyJwtSvid(unsigned, source, { audience, atMs: nowMs })
    expect(await refusedLater(promise)).toMatchObject({ code: 'ERR_SVID_ALGORITHM', rule: 'JWT-2.1-a' })
  })

  it('JWT-2.1-a: no algorithm at all', async () => {
    expect(await refusedLater(verify(token({ header: { alg: undefined } })))).toMatchObject({ rule: 'JWT-2.1-a' })
  })

  it.each([undefined, 'JWT', 'JOSE'])('JWT-2.3-a: the type %s is accepted', async (typ) => {
    expect((await verify(token({ header: { typ } }))).id.path).toBe('/ns/core/sa/worker')
  })

  it.each(['jwt', 'Jwt', 'wit+jwt', 'at+jwt', 'application/jwt', '', null, 1])(
    'JWT-2.3-a, ID-3.3-a: the type %j is refused, a WIT-SVID’s among them',
    async (typ) => {
      const wanted = { code: 'ERR_SVID_BAD_HEADER', rule: 'JWT-2.3-a' }
      expect(await refusedLater(verify(token({ header: { typ } })))).toMatchObject(wanted)
      expect(refused(() => JwtSvid.parseUnverified(token({ header: { typ } })))).toMatchObject(wanted)
    },
  )

  it.each([undefined, '', 1, null])('JWT-2.2-a: the key id %j is refused', async (kid) => {
    const wanted = { code: 'ERR_SVID_BAD_HEADER', rule: 'JWT-2.2-a' }
    expect(await refusedLater(verify(token({ header: { kid } })))).toMatchObject(wanted)
  })

  describe('JWT-2.2-a: without a key id, all keys of the trust domain may be tried on request', () => {
    const withoutKeyId = token({ header: { kid: undefined } })
    const option = { withoutKeyId: 'try-all-keys' } as const

    it('and one that fits is found', async () => {
      const two = jwtBundle(td, { other: makeKey(), one: key })
      const svid = await verifyJwtSvid(withoutKeyId, two, { audience, atMs: nowMs, ...option })
      expect(svid.keyId).toBeUndefined()
    })

    it('at most 16 of them', async () => {
      const many = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`k${index}`, makeKey()]))
      const crowd = jwtBundle(td, { ...many, last: key })
      const promise = verifyJwtSvid(withoutKeyId, crowd, { audience, atMs: nowMs, ...option })
      expect(await refusedLater(promise)).toMatchObject({ code: 'ERR_SVID_BAD_SIGNATURE' })
    })

    it('a key id that is there still decides', async () => {
      const text = token({ header: { kid: 'unknown' } })
      expect(await refusedLater(verify(text, option))).toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
    })

    it('none of the right kind is no authority', async () => {
      const wrong = jwtBundle(td, { p384: makeKey('p384') })
      const promise = verifyJwtSvid(withoutKeyId, wrong, { audience, atMs: nowMs, ...option })
      expect(await refusedLater(promise)).toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
    })
  })
})

describe('claims', () => {
  it('ID-4.1: claims beyond the ID are kept apart from it', async () => {
    const svid = await verify(token({ claims: { id: 'spiffe://example.org/admin', token: 'x', audience: 'y' } }))
    expect([svid.id.toString(), svid.audience]).toEqual([claims.sub, [audience]])
    expect(svid.claims.id).toBe('spiffe://example.org/admin')
  })

  it('JWT-3-a: others pass untouched', async () => {
    const others = { iss: 'https://issuer', groups: ['a'], nested: { big: 12345678901234, no: null } }
    expect((await verify(token({ claims: others }))).claims).toMatchObject(others)
  })

  it.each([
    undefined,
    null,
    1,
    '',
    'worker',
    'https://example.org/a',
    'spiffe://Example.org/a',
    'spiffe://example.org/a/',
  ])('JWT-3.1-a: the subject %j is refused', async (sub) => {
    const wanted = { code: 'ERR_SVID_BAD_ID', rule: 'JWT-3.1-a' }
    expect(await refusedLater(verify(token({ claims: { sub } })))).toMatchObject(wanted)
    expect(refused(() => JwtSvid.parseUnverified(token({ claims: { sub } })))).toMatchObject(wanted)
  })

  it('JWT-3.1-a: a bare trust domain as subject is accepted only on request', async () => {
    const text = token({ claims: { sub: 'spiffe://example.org' } })
    expect(await refusedLater(verify(text))).toMatchObject({ code: 'ERR_SVID_BAD_ID', rule: 'JWT-3.1-a' })
    expect((await verify(text, { allowTrustDomainSubject: true })).id.path).toBe('')
  })

  it.each([audience, [audience], ['other', audience]])('JWT-3.2-a: the audience %j holds ours', async (aud) => {
    expect((await verify(token({ claims: { aud } }))).audience).toContain(audience)
  })

  it.each<[string, unknown]>([
    ['ERR_SVID_BAD_CLAIM', undefined],
    ['ERR_SVID_BAD_CLAIM', null],
    ['ERR_SVID_BAD_CLAIM', []],
    ['ERR_SVID_BAD_CLAIM', 1],
    ['ERR_SVID_BAD_CLAIM', {}],
    ['ERR_SVID_BAD_CLAIM', [audience, 1]],
    ['ERR_SVID_AUDIENCE', ''],
    ['ERR_SVID_AUDIENCE', 'other'],
    ['ERR_SVID_AUDIENCE', ['other']],
    ['ERR_SVID_AUDIENCE', audience.toUpperCase()],
    ['ERR_SVID_AUDIENCE', `${audience}/`],
    ['ERR_SVID_AUDIENCE', `x,${audience}`],
    ['ERR_SVID_AUDIENCE', [[audience].join(), 'y'].join(' ')],
  ])('JWT-3.2-a: %s for the audience %j', async (code, aud) => {
    const wanted = { code, rule: 'JWT-3.2-a' }
    expect(await refusedLater(verify(token({ claims: { aud } })))).toMatchObject(wanted)
  })

  it('JWT-3.2-b: one of several expected audiences is enough', async () => {
    expect((await verify(token(), { audience: ['other', audience] })).audience).toEqual([audience])
  })

  it.each([[[]], [''], [['']], [[audience, '']], [undefined], [null], [1]])(
    'JWT-3.2-b: expecting %j is an error of the caller, never a skipped check',
    async (expected) => {
      const wanted = { code: 'ERR_SVID_NO_EXPECTED_AUDIENCE', rule: 'JWT-3.2-b' }
      expect(await refusedLater(verify(token(), { audience: expected as string }))).toMatchObject(wanted)
      expect(await refusedLater(verify('garbage', { audience: expected as string }))).toMatchObject(wanted)
    },
  )

  describe('JWT-3.3-a: times', () => {
    it.each<[string, Json, Options, string | undefined]>([
      ['exp now, no leeway', { exp: nowSeconds }, { leewaySeconds: 0 }, 'ERR_SVID_EXPIRED'],
      ['exp in a ms, no leeway', { exp: nowSeconds + 0.001 }, { leewaySeconds: 0 }, undefined],
      ['exp 59 s ago', { exp: nowSeconds - 59 }, {}, undefined],
      ['exp 60 s ago', { exp: nowSeconds - 60 }, {}, 'ERR_SVID_EXPIRED'],
      ['exp 1 s ago, no leeway', { exp: nowSeconds - 1 }, { leewaySeconds: 0 }, 'ERR_SVID_EXPIRED'],
      ['nbf in 60 s', { nbf: nowSeconds + 60 }, {}, undefined],
      ['nbf in 61 s', { nbf: nowSeconds + 61 }, {}, 'ERR_SVID_NOT_YET_VALID'],
      ['nbf in 1 s, no leeway', { nbf: nowSeconds + 1 }, { leewaySeconds: 0 }, 'ERR_SVID_NOT_YET_VALID'],
      ['iat in 60 s', { iat: nowSeconds + 60 }, {}, undefined],
      ['iat in 61 s', { iat: nowSeconds + 61 }, {}, 'ERR_SVID_NOT_YET_VALID'],
      ['iat in 61 s, allowed', { iat: nowSeconds + 61 }, { allowFutureIssuedAt: true }, undefined],
      ['no iat', { iat: undefined }, {}, undefined],
      ['a fraction', { exp: nowSeconds + 0.5, iat: nowSeconds - 0.5 }, {}, undefined],
      ['no exp', { exp: undefined }, {}, 'ERR_SVID_BAD_CLAIM'],
      ['exp as text', { exp: String(nowSeconds + 300) }, {}, 'ERR_SVID_BAD_CLAIM'],
      ['exp null', { exp: null }, {}, 'ERR_SVID_BAD_CLAIM'],
      ['exp true', { exp: true }, {}, 'ERR_SVID_BAD_CLAIM'],
      ['exp a list', { exp: [nowSeconds + 300] }, {}, 'ERR_SVID_BAD_CLAIM'],
      ['exp beyond all dates', { exp: 1e300 }, {}, 'ERR_SVID_BAD_CLAIM'],
      ['nbf as text', { nbf: '0' }, {}, 'ERR_SVID_BAD_CLAIM'],
      ['iat as text', { iat: 'now' }, {}, 'ERR_SVID_BAD_CLAIM'],
      ['exp negative', { exp: -1 }, {}, 'ERR_SVID_EXPIRED'],
    ])('%s', async (_title, changed, options, code) => {
      const text = token({ claims: changed })
      if (code === undefined) expect((await verify(text, options)).id.path).toBe('/ns/core/sa/worker')
      else expect(await refusedLater(verify(text, options))).toMatchObject({ code, rule: 'JWT-3.3-a' })
    })

    it.each(['1e400', '-1e400', 'NaN', '0x10', '01'])('exp written as %s is refused', async (written) => {
      const text = signParts(header, `{"sub":"${claims.sub}","aud":"${audience}","exp":${written}}`, key)
      expect(await refusedLater(verify(text))).toMatchObject({ code: 'ERR_SVID_BAD_CLAIM' })
    })

    it.each([-1, 61, Number.NaN, Number.POSITIVE_INFINITY])(
      'a leeway of %d s is the caller’s mistake',
      async (leewaySeconds) => {
        await expect(verify(token(), { leewaySeconds })).rejects.toThrow(RangeError)
      },
    )

    it.each([Number.NaN, undefined])('a time of %s is the caller’s mistake', async (atMs) => {
      await expect(verify(token(), { atMs: atMs as number })).rejects.toThrow(RangeError)
    })
  })
})

describe('JWT-4-a: the signature', () => {
  const other = TrustDomain.parse('other.org')
  const otherKey = makeKey()

  it('the same key id in another trust domain is another key', async () => {
    const both = new BundleSet([bundle, jwtBundle(other, { one: otherKey })])
    const judge = (text: string): Promise<JwtSvid> => verifyJwtSvid(text, both, { audience, atMs: nowMs })
    const theirs = { ...claims, sub: 'spiffe://other.org/a' }
    expect((await judge(signParts(header, theirs, otherKey))).id.toString()).toBe('spiffe://other.org/a')
    expect(await refusedLater(judge(signParts(header, theirs, key)))).toMatchObject({ code: 'ERR_SVID_BAD_SIGNATURE' })
    expect(await refusedLater(judge(signParts(header, claims, otherKey)))).toMatchObject({
      code: 'ERR_SVID_BAD_SIGNATURE',
    })
  })

  it('BND-3-a: no bundle for the trust domain is no trust', async () => {
    const text = token({ claims: { sub: 'spiffe://other.org/a' } })
    const wanted = { code: 'ERR_SVID_UNKNOWN_TRUST_DOMAIN', rule: 'JWT-4-a' }
    expect(await refusedLater(verify(text))).toMatchObject(wanted)
    // Not even when a source answers with somebody else's.
    const wrong = { jwtBundleFor: () => bundle }
    expect(await refusedLater(verifyJwtSvid(text, wrong, { audience, atMs: nowMs }))).toMatchObject(wanted)
  })

  it('an unknown key id', async () => {
    expect(await refusedLater(verify(token({ header: { kid: 'two' } })))).toMatchObject({
      code: 'ERR_SVID_UNKNOWN_AUTHORITY',
    })
    expect(await refusedLater(verify(token({ header: { kid: '__proto__' } })))).toMatchObject({
      code: 'ERR_SVID_UNKNOWN_AUTHORITY',
    })
  })

  it('a changed payload', async () => {
    const [head, , signature] = token().split('.')
    const changed = `${head}.${part({ ...claims, sub: 'spiffe://example.org/admin' })}.${signature}`
    expect(await refusedLater(verify(changed))).toMatchObject({ code: 'ERR_SVID_BAD_SIGNATURE' })
  })

  it.each<[string, KeyKind]>([
    ['ES256', 'p256'],
    ['ES384', 'p384'],
    ['ES512', 'p521'],
    ['RS256', 'rsa2048'],
    ['RS384', 'rsa2048'],
    ['RS512', 'rsa2048'],
    ['PS256', 'rsa2048'],
    ['PS384', 'rsa2048'],
    ['PS512', 'rsa2048'],
  ])('JWT-2.1-a: %s is verified with a key of the kind %s', async (alg, kind) => {
    const signing = keyOf(kind)
    const text = signParts({ ...header, alg }, claims, signing, alg)
    const judge = (...entries: Json[]): Promise<JwtSvid> =>
      verifyJwtSvid(text, JwtBundle.fromJwks(td, jwks(...entries)), { audience, atMs: nowMs })
    expect((await judge(jwkOf(signing, { kid: 'one' }))).algorithm).toBe(alg)
    expect((await judge(jwkOf(signing, { kid: 'one', alg }))).algorithm).toBe(alg)
    // The JWK names another algorithm, or is of another kind.
    const another = kind === 'rsa2048' ? (alg === 'RS256' ? 'PS256' : 'RS256') : 'ES256'
    if (another !== alg) {
      const promise = judge(jwkOf(signing, { kid: 'one', alg: another }))
      expect((await refusedLater(promise)).code).toMatch(/ERR_SVID_(ALGORITHM|UNKNOWN_AUTHORITY)/)
    }
    const wrongKind = jwkOf(keyOf(kind === 'p256' ? 'p384' : 'p256'), { kid: 'one' })
    expect(await refusedLater(judge(wrongKind))).toMatchObject({ code: 'ERR_SVID_ALGORITHM', rule: 'JWT-2.1-a' })
  })

  it('JWT-2.1-a: RSA of 1024 bits verifies nothing', async () => {
    const short = makeKey('rsa1024')
    const text = signParts({ ...header, alg: 'RS256' }, claims, short, 'RS256')
    const promise = verifyJwtSvid(text, jwtBundle(td, { one: short }), { audience, atMs: nowMs })
    expect(await refusedLater(promise)).toMatchObject({ code: 'ERR_SVID_ALGORITHM', rule: 'JWT-2.1-a' })
  })

  it('the public key as an HMAC secret is no key', async () => {
    const pem = createPublicKey(keyOf('rsa2048')).export({ format: 'pem', type: 'spki' })
    const input = `${part({ ...header, alg: 'HS256' })}.${part(claims)}`
    const forged = `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`
    const promise = verifyJwtSvid(forged, jwtBundle(td, { one: keyOf('rsa2048') }), { audience, atMs: nowMs })
    expect(await refusedLater(promise)).toMatchObject({ code: 'ERR_SVID_ALGORITHM' })
  })

  it('an ECDSA signature of zeros, or in DER form, is none', async () => {
    const [head, body] = token().split('.')
    for (const signature of [Buffer.alloc(64), Buffer.alloc(72, 0x30)]) {
      const forged = `${head}.${body}.${signature.toString('base64url')}`
      expect(await refusedLater(verify(forged))).toMatchObject({ code: 'ERR_SVID_BAD_SIGNATURE' })
    }
  })
})

describe('parseUnverified', () => {
  it('WLA-6.2.1-b: asks for every audience that was requested', () => {
    const text = token({ claims: { aud: ['a', 'b'] } })
    expect(JwtSvid.parseUnverified(text, { audience: ['b', 'a'], hint: 'h' }).hint).toBe('h')
    expect(refused(() => JwtSvid.parseUnverified(text, { audience: ['a', 'c'] }))).toMatchObject({
      code: 'ERR_SVID_AUDIENCE',
    })
  })

  it('looks neither at signature nor at time', () => {
    const old = signParts(header, { ...claims, exp: 1 }, makeKey())
    expect(JwtSvid.parseUnverified(old).expiresAtMs).toBe(1000)
  })
})

describe('JWT-5.1-a: the token is the compact text, shown nowhere by accident', () => {
  it('in no inspect, JSON, text or error', async () => {
    const text = token()
    const svid = await verify(text)
    expect(svid.token.expose()).toBe(text)
    const bad = `${text.slice(0, -4)}AAAA`
    const failure = await refusedLater(verify(bad))
    const shown = [
      inspect(svid, { depth: 9, showHidden: true }),
      JSON.stringify(svid),
      `${svid.token}`,
      inspect(failure, { depth: 9 }),
      inspect(await refusedLater(verify(`${text}x.y`)), { depth: 9 }),
      inspect(await refusedLater(verify(signParts('{"kid":"planted-secret"', claims, key))), { depth: 9 }),
    ].join('\n')
    for (const piece of text.split('.')) expect(shown).not.toContain(piece)
    expect(shown).not.toContain('planted-secret')
  })
})

describe('JWT-6.2-a and the uses of keys', () => {
  const judge = (document: SpiffeBundle | JwtBundle): Promise<JwtSvid> =>
    verifyJwtSvid(token(), document, { audience, atMs: nowMs })
  const spiffe = (use: unknown): SpiffeBundle => SpiffeBundle.parse(td, jwks(jwkOf(key, { kid: 'one', use })))

  it('in a SPIFFE bundle only entries for jwt-svid count', async () => {
    expect((await judge(spiffe('jwt-svid'))).keyId).toBe('one')
    for (const use of [undefined, 'sig', 'x509-svid', 'wit-svid', 'JWT-SVID']) {
      expect(await refusedLater(judge(spiffe(use)))).toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
    }
  })

  it('in a plain JWK set no use is needed, and only those of another use are left out', async () => {
    const plain = (use: unknown): JwtBundle => JwtBundle.fromJwks(td, jwks(jwkOf(key, { kid: 'one', use })))
    for (const use of [undefined, 'sig', 'jwt-svid']) expect((await judge(plain(use))).keyId).toBe('one')
    for (const use of ['x509-svid', 'wit-svid', 'enc']) {
      expect(await refusedLater(judge(plain(use)))).toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
    }
  })

  it('BND-4.1.3-c: an empty bundle trusts nobody', async () => {
    for (const empty of ['{"keys":[]}', '']) {
      const promise = judge(JwtBundle.fromJwks(td, empty))
      expect(await refusedLater(promise)).toMatchObject({ code: 'ERR_SVID_UNKNOWN_AUTHORITY' })
    }
  })
})

describe('properties', () => {
  it('any text is refused as an SvidError', async () => {
    const piece = fc.oneof(fc.constantFrom(...token().split('.'), '', 'e30', 'bnVsbA'), fc.base64String(), fc.string())
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { minLength: 3, maxLength: 3 }).map((parts) => parts.join('.')),
    )
    await fc.assert(
      fc.asyncProperty(text, async (candidate) => {
        fc.pre(candidate !== token())
        if (candidate.startsWith(token().split('.').slice(0, 2).join('.'))) return
        expect(await refusedLater(verify(candidate))).toBeInstanceOf(SvidError)
      }),
    )
  })

  it('any JSON as header and claims, rightly signed, is refused as an SvidError or is a well-formed SVID', async () => {
    const members = fc.dictionary(
      fc.constantFrom('alg', 'kid', 'typ', 'crit', 'sub', 'aud', 'exp', 'nbf', 'iat', '__proto__', 'x'),
      fc.jsonValue(),
    )
    await fc.assert(
      fc.asyncProperty(members, members, async (changedHeader, changedClaims) => {
        const text = signParts({ ...header, ...changedHeader }, { ...claims, ...changedClaims }, key)
        const outcome = await verify(text).catch((error: unknown) => error)
        expect(outcome instanceof SvidError || outcome instanceof JwtSvid).toBe(true)
        if (outcome instanceof JwtSvid) expect(outcome.audience).toContain(audience)
      }),
    )
  })

  it('anything that is no text is refused as an SvidError', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), async (value) => {
        fc.pre(typeof value !== 'string')
        expect(await refusedLater(verify(value as string))).toBeInstanceOf(SvidError)
      }),
      { numRuns: 50 },
    )
  })
})

it('an authority of the X.509 kind is no key for tokens', async () => {
  const document = SpiffeBundle.of({ x509: new TestAuthority().bundle, jwt: JwtBundle.fromEntries(td, []) })
  expect(await refusedLater(verifyJwtSvid(token(), document, { audience, atMs: nowMs }))).toMatchObject({
    code: 'ERR_SVID_UNKNOWN_AUTHORITY',
  })
})

const keys = new Map<KeyKind, KeyObject>()
beforeAll(() => {
  for (const kind of ['p256', 'p384', 'p521', 'rsa2048'] as const) keys.set(kind, makeKey(kind))
})
function keyOf(kind: KeyKind): KeyObject {
  return keys.get(kind) as KeyObject
}

/** The next digit of base64url: with 64 bytes of signature it changes only bits that nobody reads. */
function nextDigit(text: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return digits[digits.indexOf(text.at(-1) as string) + 1] ?? 'B'
}
