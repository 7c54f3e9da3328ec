import { X509Certificate } from 'node:crypto'
import { DevAuthority } from '@chaveiro/dev'
import { FakeClock } from '@chaveiro/rotation/testing'
import { JwtBundle, SpiffeId, TrustDomain, verifyJwtSvid, verifyX509Svid, X509Bundle, X509Svid } from '@chaveiro/spiffe'
import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'

const trustDomain = TrustDomain.parse('dev.example')
const id = SpiffeId.of(trustDomain, '/ns/core/sa/registry')
const hour = 3600

let clock: FakeClock
let authority: DevAuthority

beforeEach(async () => {
  clock = new FakeClock()
  authority = await DevAuthority.create({ trustDomain, clock, caTtlSeconds: 24 * hour })
})

const x509Bundle = () => X509Bundle.fromDer(trustDomain, authority.x509Bundle())
const jwtBundle = () => JwtBundle.fromJwks(trustDomain, authority.jwks())
const issue = async () => {
  const { chainDer, keyDer } = await authority.issueX509(id)
  return X509Svid.fromDer(chainDer, keyDer)
}
const judgeX509 = (svid: X509Svid) => verifyX509Svid(svid.chain, x509Bundle(), { atMs: clock.wallMs() }).id.toString()
const judgeJwt = (token: string) => verifyJwtSvid(token, jwtBundle(), { audience: 'a', atMs: clock.wallMs() })

describe('what it issues is accepted by our own verifiers', () => {
  it('X.509-SVIDs', async () => {
    expect(judgeX509(await issue())).toBe(id.toString())
  })

  it('JWT-SVIDs', async () => {
    expect((await judgeJwt(await authority.issueJwt(id, ['a', 'b']))).audience).toEqual(['a', 'b'])
  })

  it('each X.509-SVID has a key and a serial number of its own', async () => {
    const [one, two] = [await issue(), await issue()]
    expect(one.privateKey.equals(two.privateKey)).toBe(false)
    const serials = [one, two].map(({ chain }) => new X509Certificate(chain[0] as Uint8Array).serialNumber)
    expect(new Set(serials).size).toBe(2)
  })

  it('an issuer, when there is one', async () => {
    const issuing = await DevAuthority.create({ trustDomain, clock, issuer: 'http://127.0.0.1:1' })
    expect(decodeJwt(await issuing.issueJwt(id, ['a'])).iss).toBe('http://127.0.0.1:1')
  })
})

describe('TTLs', () => {
  it('default to those of SPIRE, and begin 10 s in the past', async () => {
    const svid = await issue()
    expect(svid.notBeforeMs).toBe(clock.wallMs() - 10_000)
    expect(svid.notAfterMs).toBe(clock.wallMs() + hour * 1000)
    const { exp, iat } = decodeJwt(await authority.issueJwt(id, ['a']))
    expect([iat, exp]).toEqual([clock.wallMs() / 1000, clock.wallMs() / 1000 + 300])
  })

  it('nothing outlives the authority that signed it', async () => {
    await clock.advance(23.5 * hour * 1000)
    const end = Date.UTC(2026, 0, 2)
    expect((await issue()).notAfterMs).toBe(end)
    const { exp } = decodeJwt(await authority.issueJwt(id, ['a'], { ttlSeconds: 2 * hour }))
    expect(exp).toBe(end / 1000)
  })

  it.each([{ x509TtlSeconds: 0 }, { jwtTtlSeconds: -1 }, { caTtlSeconds: Number.NaN }])('refuses %j', async (ttl) => {
    await expect(DevAuthority.create({ trustDomain, ...ttl })).rejects.toThrow(RangeError)
  })
})

describe('FED-4.1-a: keys are published before they are used, and dead ones removed', () => {
  it('rotateX509: what the old CA signed stays valid beside the new', async () => {
    const before = await issue()
    let published = 0
    authority.onChange(() => {
      published = x509Bundle().authorities.length
    })
    await authority.rotateX509()
    expect(published).toBe(2)
    expect([judgeX509(before), judgeX509(await issue())]).toEqual([id.toString(), id.toString()])
  })

  it('rotateJwtKey: likewise', async () => {
    const before = await authority.issueJwt(id, ['a'])
    let published: readonly string[] = []
    authority.onChange(() => {
      published = jwtBundle().keyIds
    })
    await authority.rotateJwtKey()
    const after = await judgeJwt(await authority.issueJwt(id, ['a']))
    expect(published).toHaveLength(2)
    expect(published).toContain(after.keyId)
    expect((await judgeJwt(before)).keyId).not.toBe(after.keyId)
  })

  it('by itself: prepared at half of the life, used in its last sixth, forgotten a day after its end', async () => {
    const told: string[] = []
    authority.onChange((change) => told.push(change))
    const first = (await judgeJwt(await authority.issueJwt(id, ['a']))).keyId
    const signer = async () => (await judgeJwt(await authority.issueJwt(id, ['a']))).keyId
    const passTo = async (hours: number) => {
      await clock.advance(Date.UTC(2026, 0, 1) + hours * hour * 1000 - clock.wallMs())
      await authority.tend()
    }
    await passTo(11.9)
    expect(jwtBundle().keyIds).toEqual([first])
    await passTo(12.1)
    expect([jwtBundle().keyIds.length, x509Bundle().authorities.length]).toEqual([2, 2])
    expect(await signer()).toBe(first)
    await passTo(20.1)
    expect(await signer()).not.toBe(first)
    expect(jwtBundle().keyIds).toContain(first)
    expect(told.sort()).toEqual(['jwt', 'x509'])
    await passTo(48.1)
    expect(jwtBundle().keyIds).not.toContain(first)
    expect(authority.nextDueMs).toBeGreaterThan(clock.wallMs())
  })
})

it('discovery: keys with alg, without a use', () => {
  const { keys } = JSON.parse(authority.discoveryJwks())
  expect(keys).toMatchObject([{ kty: 'EC', crv: 'P-256', alg: 'ES256', kid: expect.any(String) }])
  expect(keys[0]).not.toHaveProperty('use')
  expect(keys[0]).not.toHaveProperty('d')
})

it('ID-3.1-a, ID-3.1-b: the signing authority has an SVID of its own, named as the trust domain and without a path', async () => {
  const authority = await DevAuthority.create({ trustDomain })
  const { subjectAltName, ca } = new X509Certificate(authority.x509Bundle())
  expect(subjectAltName).toBe(`URI:${trustDomain.id}`)
  expect(ca).toBe(true)
})
