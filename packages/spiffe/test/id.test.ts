import {
  allOf,
  anyOf,
  authorizeId,
  authorizePrefix,
  authorizeTrustDomain,
  SpiffeId,
  SpiffeIdError,
  TrustDomain,
} from '@chaveiro/spiffe'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { refused } from './refused.js'

const td = TrustDomain.parse('example.org')

describe('what is a SPIFFE ID', () => {
  it.each([
    ['spiffe://example.org/ns/core/sa/registry', 'example.org', '/ns/core/sa/registry'],
    ['spiffe://example.org', 'example.org', ''],
    ['spiffe://a/b', 'a', '/b'],
    ['spiffe://example.org/A.b-C_0', 'example.org', '/A.b-C_0'],
  ])('%s', (text, trustDomain, path) => {
    const id = SpiffeId.parse(text)
    expect([id.trustDomain.name, id.path, id.toString()]).toEqual([trustDomain, path, text])
    expect(JSON.stringify({ id })).toBe(`{"id":"${text}"}`)
  })

  it.each(['1.2.3.4', '0x7f.1', 'a..b', '-', '.', '_', '...', '127.0.0.1', '0'])(
    'ID-2.1-d: the trust domain %s is a plain name, DNS or IP address or not',
    (name) => expect(SpiffeId.parse(`spiffe://${name}/x`).trustDomain.name).toBe(name),
  )

  it.each(['/...', '/.a', '/a.', '/..a', '/....', '/-', '/_', '/0'])('ID-2.2-d: %s is a legal path', (path) => {
    expect(SpiffeId.parse(`spiffe://example.org${path}`).path).toBe(path)
  })

  it('ID-2.2-d: the path may be absent', () => expect(SpiffeId.parse('spiffe://example.org').path).toBe(''))
})

describe('what is none', () => {
  it.each([
    ['ID-2-a', 'ERR_SPIFFE_ID_SCHEME', ''],
    ['ID-2-a', 'ERR_SPIFFE_ID_SCHEME', 'example.org/x'],
    ['ID-2-a', 'ERR_SPIFFE_ID_SCHEME', 'https://example.org/x'],
    ['ID-2-a', 'ERR_SPIFFE_ID_SCHEME', 'spiffe:/example.org/x'],
    ['ID-2-a', 'ERR_SPIFFE_ID_SCHEME', 'spiffe:example.org'],
    ['ID-2-a', 'ERR_SPIFFE_ID_SCHEME', ' spiffe://example.org/x'],
    ['ID-2-a', 'ERR_SPIFFE_ID_SCHEME', '\tspiffe://example.org/x'],
    ['ID-2-a', 'ERR_SPIFFE_ID_SCHEME', 'sp\niffe://example.org/x'],
    ['ID-2-a', 'ERR_SPIFFE_ID_SCHEME', '//example.org/x'],
    ['ID-2-b', 'ERR_SPIFFE_ID_QUERY_OR_FRAGMENT', 'spiffe://example.org/x?y=z'],
    ['ID-2-b', 'ERR_SPIFFE_ID_QUERY_OR_FRAGMENT', 'spiffe://example.org/x?'],
    ['ID-2-b', 'ERR_SPIFFE_ID_QUERY_OR_FRAGMENT', 'spiffe://example.org/x#y'],
    ['ID-2-b', 'ERR_SPIFFE_ID_QUERY_OR_FRAGMENT', 'spiffe://example.org#'],
    ['ID-2-b', 'ERR_SPIFFE_ID_QUERY_OR_FRAGMENT', 'spiffe://example.org?'],
    ['ID-2.1-a', 'ERR_SPIFFE_ID_TRUST_DOMAIN_EMPTY', 'spiffe://'],
    ['ID-2.1-a', 'ERR_SPIFFE_ID_TRUST_DOMAIN_EMPTY', 'spiffe:///path'],
    ['ID-2.1-b', 'ERR_SPIFFE_ID_AUTHORITY', 'spiffe://user@example.org/x'],
    ['ID-2.1-b', 'ERR_SPIFFE_ID_AUTHORITY', 'spiffe://user:secret@example.org/x'],
    ['ID-2.1-b', 'ERR_SPIFFE_ID_AUTHORITY', 'spiffe://@example.org/x'],
    ['ID-2.1-b', 'ERR_SPIFFE_ID_AUTHORITY', 'spiffe://example.org:8443/x'],
    ['ID-2.1-b', 'ERR_SPIFFE_ID_AUTHORITY', 'spiffe://example.org:/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_UPPER_CASE', 'spiffe://Example.org/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_PERCENT_ENCODING', 'spiffe://ex%61mple.org/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'spiffe://exämple.org/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'spiffe://ｅxample.org/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'spiffe://exam\tple.org/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'spiffe://example.org\n'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'spiffe://exa mple.org/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'spiffe://a,b/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'spiffe://a\\b/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'spiffe://[::1]/x'],
    ['ID-2.1-c', 'ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER', 'spiffe://a\u0000b/x'],
    ['ID-2.2-a', 'ERR_SPIFFE_ID_PERCENT_ENCODING', 'spiffe://example.org/a%2fb'],
    ['ID-2.2-a', 'ERR_SPIFFE_ID_PERCENT_ENCODING', 'spiffe://example.org/%61'],
    ['ID-2.2-a', 'ERR_SPIFFE_ID_PERCENT_ENCODING', 'spiffe://example.org/%2e%2e/a'],
    ['ID-2.2-b', 'ERR_SPIFFE_ID_PATH_SEGMENT', 'spiffe://example.org//a'],
    ['ID-2.2-b', 'ERR_SPIFFE_ID_PATH_SEGMENT', 'spiffe://example.org/a//b'],
    ['ID-2.2-b', 'ERR_SPIFFE_ID_PATH_SEGMENT', 'spiffe://example.org/.'],
    ['ID-2.2-b', 'ERR_SPIFFE_ID_PATH_SEGMENT', 'spiffe://example.org/a/../b'],
    ['ID-2.2-b', 'ERR_SPIFFE_ID_PATH_SEGMENT', 'spiffe://example.org/a/..'],
    ['ID-2.2-c', 'ERR_SPIFFE_ID_TRAILING_SLASH', 'spiffe://example.org/'],
    ['ID-2.2-c', 'ERR_SPIFFE_ID_TRAILING_SLASH', 'spiffe://example.org/a/'],
    ['ID-2.2-d', 'ERR_SPIFFE_ID_PATH_CHARACTER', 'spiffe://example.org/a b'],
    ['ID-2.2-d', 'ERR_SPIFFE_ID_PATH_CHARACTER', 'spiffe://example.org/ä'],
    ['ID-2.2-d', 'ERR_SPIFFE_ID_PATH_CHARACTER', 'spiffe://example.org/a:b'],
    ['ID-2.2-d', 'ERR_SPIFFE_ID_PATH_CHARACTER', 'spiffe://example.org/a\n'],
    ['ID-2.2-d', 'ERR_SPIFFE_ID_PATH_CHARACTER', 'spiffe://example.org/a\\b'],
    ['ID-2.2-d', 'ERR_SPIFFE_ID_PATH_CHARACTER', 'spiffe://example.org/a@b'],
    ['ID-2.2-d', 'ERR_SPIFFE_ID_PATH_CHARACTER', 'spiffe://example.org/\ud83d\ude00'],
    ['ID-2.2-d', 'ERR_SPIFFE_ID_PATH_CHARACTER', 'spiffe://example.org/\ud800'],
    ['ID-2.4-a', 'ERR_SPIFFE_ID_UPPER_CASE', 'SPIFFE://example.org/x'],
    ['ID-2.4-a', 'ERR_SPIFFE_ID_UPPER_CASE', 'Spiffe://example.org/x'],
  ])('%s: %s for %j', (rule, code, text) => {
    expect(refused(() => SpiffeId.parse(text))).toMatchObject({ name: 'SpiffeIdError', code, rule })
  })

  it.each([undefined, null, 1, {}, [], Symbol('x'), () => 'spiffe://a/b', new String('spiffe://a/b')])(
    'ID-2-a: %o is not a string, which is an error like any other',
    (value) => {
      const code = 'ERR_SPIFFE_ID_NOT_A_STRING'
      expect(refused(() => SpiffeId.parse(value as string))).toMatchObject({ code, rule: 'ID-2-a' })
      expect(refused(() => TrustDomain.parse(value as string))).toMatchObject({ code, rule: 'ID-2-a' })
      expect(refused(() => SpiffeId.of(td, value as string))).toMatchObject({ code, rule: 'ID-2-a' })
      expect(refused(() => authorizePrefix(td, value as string))).toMatchObject({ code, rule: 'ID-2-a' })
    },
  )

  // Every character below 256, alone in a trust domain and in a path.
  const allCharacters = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))

  it('ID-2.1-c: a trust domain is of [a-z0-9.-_] and of nothing else', () => {
    const accepted = allCharacters.filter((character) => parses(`spiffe://a${character}b`))
    expect(accepted.join('')).toBe('-./0123456789_abcdefghijklmnopqrstuvwxyz')
    // The slash ends it.
    expect(SpiffeId.parse('spiffe://a/b').trustDomain.name).toBe('a')
  })

  it('ID-2.2-d: a path segment is of [a-zA-Z0-9.-_] and of nothing else', () => {
    const accepted = allCharacters.filter((character) => parses(`spiffe://a/b${character}c`))
    expect(accepted.join('')).toBe('-./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz')
  })
})

describe('ID-2.4-a: upper case is refused, the error helps', () => {
  it('names the character and the lower-case form of the trust domain', () => {
    const { message, cure } = refused(() => SpiffeId.parse('spiffe://Example.org/Path'))
    expect(message).toContain('"E"')
    expect(cure).toContain('example.org')
  })

  it('names the lower-case form of the scheme, and leaves the path as it is', () => {
    expect(refused(() => SpiffeId.parse('SPIFFE://example.org/Path')).cure).toContain('spiffe://example.org/Path')
  })

  it('paths are compared byte for byte', () => {
    expect(SpiffeId.parse('spiffe://a/B').equals(SpiffeId.parse('spiffe://a/b'))).toBe(false)
    expect(SpiffeId.parse('spiffe://a/b').equals(SpiffeId.parse('spiffe://a/b'))).toBe(true)
  })
})

it('an error names the offending character and puts no control character in a log', () => {
  const { message } = refused(() => SpiffeId.parse('spiffe://a\u001b[31m\u2028b/x'))
  expect(message).toContain('\\u')
  expect(message).toMatch(/^[\x20-\x7e]+$/)
})

describe('lengths', () => {
  const long = (total: number): string => `spiffe://example.org/${'a'.repeat(total - 'spiffe://example.org/'.length)}`

  it('ID-2.3-a: an ID of 2048 bytes is read and built', () => {
    const id = SpiffeId.parse(long(2048))
    expect(SpiffeId.of(id.trustDomain, id.path).toString()).toHaveLength(2048)
  })

  it('ID-2.3-b: longer ones are read, up to a cap, but not built', () => {
    const id = SpiffeId.parse(long(2049))
    const wanted = { code: 'ERR_SPIFFE_ID_TOO_LONG', rule: 'ID-2.3-b' }
    expect(refused(() => SpiffeId.of(id.trustDomain, id.path))).toMatchObject(wanted)
    expect(SpiffeId.parse(long(8192)).path.length).toBeGreaterThan(8000)
    expect(refused(() => SpiffeId.parse(long(8193)))).toMatchObject(wanted)
    expect(refused(() => SpiffeId.parse('x'.repeat(10_000_000)))).toMatchObject(wanted)
  })

  it('ID-2.3-c: a trust domain has at most 255 bytes', () => {
    expect(TrustDomain.parse('a'.repeat(255)).name).toHaveLength(255)
    const wanted = { code: 'ERR_SPIFFE_ID_TRUST_DOMAIN_TOO_LONG', rule: 'ID-2.3-c' }
    expect(refused(() => TrustDomain.parse('a'.repeat(256)))).toMatchObject(wanted)
    expect(refused(() => SpiffeId.parse(`spiffe://${'a'.repeat(256)}/x`))).toMatchObject(wanted)
  })
})

describe('TrustDomain', () => {
  it.each(['example.org', 'spiffe://example.org', 'spiffe://example.org/ns/core'])('reads %s', (text) => {
    const { name, id } = TrustDomain.parse(text)
    expect([name, id]).toEqual(['example.org', 'spiffe://example.org'])
    expect(TrustDomain.parse(text).equals(td)).toBe(true)
  })

  it.each([
    ['ID-2.1-a', ''],
    ['ID-2.1-c', 'example.org/path'],
    ['ID-2.1-c', 'Example.org'],
    ['ID-2.1-b', 'example.org:80'],
    ['ID-2-a', 'https://example.org'],
    ['ID-2.2-c', 'spiffe://example.org/'],
    ['ID-2.4-a', 'SPIFFE://example.org'],
  ])('%s: refuses %j', (rule, text) => {
    expect(refused(() => TrustDomain.parse(text))).toMatchObject({ rule })
  })
})

describe('SpiffeId.of', () => {
  it('builds what it then reads', () => {
    expect(SpiffeId.of(td, '/a/b').toString()).toBe('spiffe://example.org/a/b')
    expect(SpiffeId.of(td, '').toString()).toBe('spiffe://example.org')
  })

  it.each([
    ['ID-2.2-b', 'a'],
    ['ID-2.2-c', '/'],
    ['ID-2.2-b', '//a'],
    ['ID-2.2-d', '/a?b'],
    ['ID-2.2-a', '/%61'],
  ])('%s: refuses the path %j', (rule, path) => {
    expect(refused(() => SpiffeId.of(td, path))).toMatchObject({ rule })
  })
})

describe('authorizers', () => {
  const admitted = (authorize: (id: SpiffeId) => boolean, text: string): boolean => authorize(SpiffeId.parse(text))

  it('authorizeId admits exactly these', () => {
    const authorize = authorizeId('spiffe://example.org/a', SpiffeId.parse('spiffe://example.org/b'))
    expect(admitted(authorize, 'spiffe://example.org/a')).toBe(true)
    expect(admitted(authorize, 'spiffe://example.org/b')).toBe(true)
    expect(admitted(authorize, 'spiffe://example.org/a/b')).toBe(false)
    expect(admitted(authorize, 'spiffe://other.org/a')).toBe(false)
    expect(admitted(authorizeId(), 'spiffe://example.org/a')).toBe(false)
  })

  it('BND-6.2-a: every authorizer looks at the trust domain', () => {
    expect(admitted(authorizeTrustDomain(td), 'spiffe://example.org/a')).toBe(true)
    expect(admitted(authorizeTrustDomain('example.org'), 'spiffe://other.org/a')).toBe(false)
    expect(admitted(authorizeTrustDomain('example.org'), 'spiffe://a.example.org/a')).toBe(false)
    expect(admitted(authorizePrefix(td, '/a'), 'spiffe://other.org/a')).toBe(false)
    expect(admitted(authorizeId('spiffe://example.org/a'), 'spiffe://other.org/a')).toBe(false)
  })

  it.each([
    ['/ns/app', true],
    ['/ns/app/sa/x', true],
    ['/ns/app-admin', false],
    ['/ns/app-admin/sa/x', false],
    ['/ns', false],
    ['/NS/app', false],
    ['', false],
  ])('authorizePrefix of /ns/app stops at a segment: "%s" is %s', (path, wanted) => {
    expect(admitted(authorizePrefix('example.org', '/ns/app'), `spiffe://example.org${path}`)).toBe(wanted)
  })

  it.each(['/ns/app/', 'ns/app', '/ns/*', '/ns/../app'])('authorizePrefix refuses the prefix %s', (path) => {
    expect(() => authorizePrefix('example.org', path)).toThrow(SpiffeIdError)
  })

  it('anyOf and allOf combine; with nothing to combine nobody is admitted', () => {
    const yes = (): boolean => true
    const no = (): boolean => false
    const id = 'spiffe://example.org/a'
    expect([anyOf(no, yes), anyOf(no), anyOf()].map((authorize) => admitted(authorize, id))).toEqual([
      true,
      false,
      false,
    ])
    expect([allOf(yes, yes), allOf(yes, no), allOf()].map((authorize) => admitted(authorize, id))).toEqual([
      true,
      false,
      false,
    ])
  })
})

describe('properties', () => {
  const segment = fc.stringMatching(/^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,20}$/)
  const path = fc.array(segment, { maxLength: 8 }).map((segments) => segments.map((text) => `/${text}`).join(''))
  const name = fc.stringMatching(/^[a-z0-9._-]{1,60}$/)

  it('what is well-formed is read, and written back unchanged', () => {
    fc.assert(
      fc.property(name, path, (trustDomain, idPath) => {
        const id = SpiffeId.parse(`spiffe://${trustDomain}${idPath}`)
        expect([id.trustDomain.name, id.path]).toEqual([trustDomain, idPath])
        expect(SpiffeId.of(id.trustDomain, id.path).equals(id)).toBe(true)
      }),
    )
  })

  it('any text is an ID that is written back unchanged, or a SpiffeIdError', () => {
    const nearlyId = fc.array(
      fc.oneof(
        fc.constantFrom('spiffe://', 'a', '/', '.', '%2e', '?', '#', ':', '@', 'A', '\n', '\u0000', 'ſ'),
        fc.string(),
      ),
      { maxLength: 8 },
    )
    const text = fc.oneof(
      nearlyId.map((parts) => parts.join('')),
      nearlyId.map((parts) => `spiffe://${parts.join('')}`),
    )
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (candidate) => {
        for (const parse of [SpiffeId.parse, TrustDomain.parse]) {
          try {
            const parsed = parse(candidate)
            if (parsed instanceof SpiffeId) expect(parsed.toString()).toBe(candidate)
          } catch (error) {
            expect(error).toBeInstanceOf(SpiffeIdError)
          }
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('anything at all is a SpiffeIdError or an ID', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        try {
          SpiffeId.parse(value as string)
        } catch (error) {
          expect(error).toBeInstanceOf(SpiffeIdError)
        }
      }),
    )
  })
})

function parses(text: string): boolean {
  try {
    SpiffeId.parse(text)
    return true
  } catch {
    return false
  }
}
