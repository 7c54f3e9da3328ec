/**
 * What a Workload API does, asked of the embedded one and of SPIRE alike. A case that one of them fails is a defect
 * of the embedded one, or of the case.
 *
 * A real agent finds out who calls; so there is one caller, this very process, and its identities come and go.
 */
import { X509Certificate } from 'node:crypto'
import type { Clock } from '@chaveiro/rotation'
import {
  JwtBundle,
  SpiffeId,
  type TrustDomain,
  verifyJwtSvid,
  verifyX509Svid,
  WorkloadApiClient,
  X509Bundle,
  X509Source,
  X509Svid,
} from '@chaveiro/spiffe'
import type {
  JWTBundlesResponse,
  JWTSVIDResponse,
  ValidateJWTSVIDResponse,
  X509BundlesResponse,
  X509SVIDResponse,
} from '@chaveiro/spiffe/workload-api-proto'
import { Metadata, status as Status } from '@grpc/grpc-js'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually, type Method, type RawStream, RawWorkloadApi } from './raw-workload-api.js'

/** A registration entry that matches this very process. */
export interface ContractEntry {
  readonly id: SpiffeId
  readonly hint?: string
  readonly x509TtlSeconds?: number
  readonly jwtTtlSeconds?: number
}

/** A Workload API that runs. Until an entry is added, this process has no identity. */
export interface RunningWorkloadApi {
  readonly trustDomain: TrustDomain
  /** Where this process asks, `unix:///…`. */
  readonly endpoint: string
  /** The keys for verifiers that know nothing of SPIFFE; the discovery document stands beside them. */
  readonly jwksUrl: string
  /** The clock that it issues by. */
  readonly clock: Clock
  /** @returns the entry's ID, when the entry is served */
  addEntry(entry: ContractEntry): Promise<string>
  deleteEntry(entryId: string): Promise<void>
  rotateJwtKey(): Promise<void>
  rotateX509Authority(): Promise<void>
  /** Lets so many milliseconds of {@link clock} pass. */
  passTime(ms: number): Promise<void>
  close(): Promise<void>
}

export interface WorkloadApiSubject {
  readonly name: string
  start(): Promise<RunningWorkloadApi>
}

const streams = ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles'] as const
const x509TtlSeconds = 600
const jwtTtlSeconds = 120

/** Registers the cases, inside a `describe` of the caller's. */
export function workloadApiContract(subject: WorkloadApiSubject): void {
  let api: RunningWorkloadApi
  let raw: RawWorkloadApi
  let registry: SpiffeId
  let worker: SpiffeId
  let entries: Set<string>

  beforeAll(async () => {
    api = await subject.start()
    registry = SpiffeId.of(api.trustDomain, '/ns/core/sa/registry')
    worker = SpiffeId.of(api.trustDomain, '/ns/core/sa/worker')
    entries = new Set()
  })
  afterAll(() => api?.close())

  beforeEach(() => {
    raw = new RawWorkloadApi(api.endpoint)
  })
  afterEach(async () => {
    await forgetEntries()
    raw.close()
  })

  async function admit(id: SpiffeId, more: Omit<ContractEntry, 'id'> = {}): Promise<string> {
    const entryId = await api.addEntry({ x509TtlSeconds, jwtTtlSeconds, ...more, id })
    entries.add(entryId)
    return entryId
  }

  /** Takes every identity away, and waits until the agent has noticed. */
  async function forgetEntries(): Promise<void> {
    if (entries.size === 0) return
    for (const entryId of entries) await api.deleteEntry(entryId)
    entries.clear()
    const refused = async () => expect((await raw.unary('FetchJWTSVID', { audience: ['x'] })).code).toBe(7)
    await eventually(refused)
  }

  const jwt = async (audience: readonly string[], spiffeId = '') => {
    const { messages, details } = await raw.unary<JWTSVIDResponse>('FetchJWTSVID', { audience, spiffeId })
    if (!messages[0]) throw new Error(details)
    return messages[0].svids
  }

  /** The messages of a stream that is open for as long as `use` runs. */
  async function during<T, R>(method: Method, use: (stream: RawStream<T>) => Promise<R>): Promise<R> {
    const stream = raw.stream<T>(method)
    try {
      return await use(stream)
    } finally {
      stream.cancel()
    }
  }

  const firstOf = <T>(method: Method): Promise<T> => during<T, T>(method, (stream) => stream.message())

  describe('the security header', () => {
    const wrong: [string, string[]][] = [
      ['missing', []],
      ['not true', ['false']],
      ['in upper case', ['TRUE']],
      ['sent twice', ['true', 'true']],
    ]

    it.each(wrong)('WLE-3-b: %s: InvalidArgument', async (_name, values) => {
      const metadata = new Metadata()
      for (const value of values) metadata.add('workload.spiffe.io', value)
      const refusal = { code: Status.INVALID_ARGUMENT, details: 'security header missing from request', messages: [] }
      for (const method of streams) expect(await raw.stream(method, metadata).ended).toEqual(refusal)
      expect(await raw.unary('FetchJWTSVID', { audience: ['a'] }, metadata)).toEqual(refusal)
      expect(await raw.unary('ValidateJWTSVID', { audience: 'a', svid: 't' }, metadata)).toEqual(refusal)
    })
  })

  describe('calls that it does not offer', () => {
    it.each(['FetchWITSVID', 'FetchWITBundles'] as const)('WLA-7-a: %s: Unimplemented', async (method) => {
      expect((await raw.stream(method).ended).code).toBe(Status.UNIMPLEMENTED)
    })

    it.each(['/SpiffeWorkloadAPI/FetchNothing', '/spiffe.Other/FetchX509SVID'])(
      'WLA-2-a: %s: Unimplemented',
      async (path) => {
        expect((await raw.call(path)).code).toBe(Status.UNIMPLEMENTED)
      },
    )
  })

  describe('a process without an identity', () => {
    const refusal = { code: Status.PERMISSION_DENIED, details: 'no identity issued', messages: [] }

    it.each(streams)('WLA-5.2.1-d: %s: PermissionDenied', async (method) => {
      expect(await raw.stream(method).ended).toEqual(refusal)
    })

    it('WLA-6.2.1-b: FetchJWTSVID: PermissionDenied', async () => {
      expect(await raw.unary('FetchJWTSVID', { audience: ['a'] })).toEqual(refusal)
    })

    it('X509Source: the start fails with ERR_WORKLOAD_API_NO_IDENTITY', async () => {
      const client = new WorkloadApiClient({ endpoint: api.endpoint })
      await expect(client.fetchX509Context()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_NO_IDENTITY' })
      await client.close()
    })
  })

  describe('X.509-SVIDs', () => {
    it('WLA-4.3-b, WLA-5.2.1-b: the first message comes at once, whole', async () => {
      await admit(registry)
      const { svids, crl, federatedBundles } = await firstOf<X509SVIDResponse>('FetchX509SVID')
      expect(svids).toMatchObject([{ spiffeId: registry.toString(), hint: '' }])
      expect(crl).toEqual([])
      expect(federatedBundles).toEqual({})
    })

    it('the SVID holds what the specification and SPIRE put in it', async () => {
      await admit(registry)
      const { svids } = await firstOf<X509SVIDResponse>('FetchX509SVID')
      const [message] = svids
      if (!message) throw new Error('no SVID')
      // It keeps the rules of our own reader: key usage, basic constraints, one URI SAN, the key that fits.
      const svid = X509Svid.fromDer(message.x509Svid, message.x509SvidKey)
      expect(svid.privateKey).toMatchObject({
        asymmetricKeyType: 'ec',
        asymmetricKeyDetails: { namedCurve: 'prime256v1' },
      })
      expect(svid.chain).toHaveLength(1)
      const leaf = new X509Certificate(svid.chain[0] as Uint8Array)
      expect(leaf.subject).toContain('O=SPIRE')
      expect(leaf.subjectAltName).toBe(`URI:${registry}`)
      expect(leaf.ca).toBe(false)
      expect([...(leaf.keyUsage ?? [])].sort()).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
      const nowMs = api.clock.wallMs()
      expect(nowMs - svid.notBeforeMs).toBeGreaterThanOrEqual(9_000)
      expect(nowMs - svid.notBeforeMs).toBeLessThan(40_000)
      expect(svid.notAfterMs - svid.notBeforeMs).toBe((x509TtlSeconds + 10) * 1000)
      const bundle = X509Bundle.fromDer(api.trustDomain, message.bundle)
      expect(verifyX509Svid(svid.chain, bundle, { atMs: nowMs }).id.toString()).toBe(registry.toString())
    })

    it('ID-3.1-a: the authority bears the ID of the trust domain', async () => {
      await admit(registry)
      const { svids } = await firstOf<X509SVIDResponse>('FetchX509SVID')
      const { authorities } = X509Bundle.fromDer(api.trustDomain, svids[0]?.bundle ?? new Uint8Array())
      for (const der of authorities) {
        const authority = new X509Certificate(der)
        expect(authority.subjectAltName).toBe(`URI:${api.trustDomain.id}`)
        expect(authority.subject).toMatch(/O=SPIFFE\nserialNumber=\d+/)
        expect(authority.ca).toBe(true)
      }
    })

    it('two streams are given the same SVID', async () => {
      await admit(registry)
      const one = await firstOf<X509SVIDResponse>('FetchX509SVID')
      const two = await firstOf<X509SVIDResponse>('FetchX509SVID')
      expect(two.svids[0]?.x509Svid).toEqual(one.svids[0]?.x509Svid)
    })

    it('a new SVID with a new key is pushed at about half of the life', async () => {
      await admit(registry, { x509TtlSeconds: 24 })
      await during<X509SVIDResponse, void>('FetchX509SVID', async (stream) => {
        const latest = () => {
          const [svid] = stream.messages.at(-1)?.svids ?? []
          return X509Svid.fromDer(svid?.x509Svid ?? new Uint8Array(), svid?.x509SvidKey ?? new Uint8Array())
        }
        await stream.message()
        const first = latest()
        // SPIRE may send the same one again.
        const unchanged = () => latest().notAfterMs === first.notAfterMs
        while (unchanged() && api.clock.wallMs() < first.notAfterMs) await api.passTime(250)
        const second = latest()
        const issuedMs = second.notBeforeMs + 10_000
        const share = (issuedMs - first.notBeforeMs) / (first.notAfterMs - first.notBeforeMs)
        expect(second.id.toString()).toBe(registry.toString())
        expect(second.notAfterMs).toBeGreaterThan(first.notAfterMs)
        expect(second.privateKey.equals(first.privateKey)).toBe(false)
        // The half counts from 10 s in the past, where certificates begin, and the agent looks now and then only.
        expect(share).toBeGreaterThan(0.4)
        expect(share).toBeLessThan(0.7)
      })
    })

    it('WLA-5.2.1-c: several entries: an SVID each, with its hint', async () => {
      await admit(registry, { hint: 'internal' })
      await admit(worker)
      const { svids } = await firstOf<X509SVIDResponse>('FetchX509SVID')
      const pairs = svids.map(({ spiffeId, hint }) => [spiffeId, hint]).sort()
      expect(pairs).toEqual([
        [registry.toString(), 'internal'],
        [worker.toString(), ''],
      ])
      const bundles = new Set(svids.map(({ bundle }) => Buffer.from(bundle).toString('hex')))
      expect(bundles.size).toBe(1)
    })

    it('WLA-5.2.1-c: of two entries with one hint the older is served', async () => {
      await admit(worker, { hint: 'same' })
      await api.passTime(1100)
      await admit(registry, { hint: 'same' })
      const { svids } = await firstOf<X509SVIDResponse>('FetchX509SVID')
      expect(svids.map(({ spiffeId }) => spiffeId)).toEqual([worker.toString()])
    })

    it('a change of the entries is pushed', async () => {
      await admit(registry)
      await during<X509SVIDResponse, void>('FetchX509SVID', async (stream) => {
        expect((await stream.message(1)).svids).toHaveLength(1)
        await admit(worker)
        // SPIRE sends the same again when the entry comes, and then once more with its SVID.
        await eventually(() => expect(stream.messages.at(-1)?.svids).toHaveLength(2))
      })
    })

    it('X509Source: follows the entry as it comes, and as it goes (WLA-5.2.1-e)', async () => {
      const entryId = await admit(registry)
      await using source = await X509Source.open({ endpoint: api.endpoint, clock: api.clock })
      expect(source.x509Svid().id.toString()).toBe(registry.toString())
      await api.deleteEntry(entryId)
      entries.delete(entryId)
      await eventually(() => expect(source.state.status).toBe('no_identity'))
    })
  })

  describe('the end of an identity', () => {
    it.each(streams)('WLA-5.2.1-e: an open %s ends with PermissionDenied', async (method) => {
      await admit(registry)
      const stream = raw.stream(method)
      await stream.message()
      await forgetEntries()
      expect(await stream.ended).toMatchObject({ code: Status.PERMISSION_DENIED, details: 'no identity issued' })
    })
  })

  describe('bundles', () => {
    it('WLA-5.2.2-a: X.509 bundles: that of the own trust domain, as in the SVIDs', async () => {
      await admit(registry)
      const { bundles, crl } = await firstOf<X509BundlesResponse>('FetchX509Bundles')
      const { svids } = await firstOf<X509SVIDResponse>('FetchX509SVID')
      expect(Object.keys(bundles)).toEqual([api.trustDomain.id])
      expect(Buffer.from(bundles[api.trustDomain.id] ?? [])).toEqual(Buffer.from(svids[0]?.bundle ?? []))
      expect(crl).toEqual([])
    })

    it('WLA-6.2.2-a: JWT bundles: a plain JWK set with key IDs, without uses, sequence and hint', async () => {
      await admit(registry)
      const { bundles } = await firstOf<JWTBundlesResponse>('FetchJWTBundles')
      expect(Object.keys(bundles)).toEqual([api.trustDomain.id])
      const document = JSON.parse(Buffer.from(bundles[api.trustDomain.id] ?? []).toString())
      expect(Object.keys(document)).toEqual(['keys'])
      for (const key of document.keys) {
        expect(Object.keys(key).sort()).toEqual(['crv', 'kid', 'kty', 'x', 'y'])
        expect(key.kid).toMatch(/^[A-Za-z0-9]{32}$/)
      }
    })

    it('FED-4.1-a: the next JWT key is published before a token is signed with it', async () => {
      await admit(registry)
      await during<JWTBundlesResponse, void>('FetchJWTBundles', async (stream) => {
        const before = keysOf(await stream.message(1), api.trustDomain)
        await api.rotateJwtKey()
        const after = keysOf(await stream.message(2), api.trustDomain)
        expect(after.keyIds.length).toBe(before.keyIds.length + 1)
        expect(after.keyIds).toEqual(expect.arrayContaining([...before.keyIds]))
        const [svid] = await jwt(['signed-with-the-next-key'])
        const { kid = '' } = decodeProtectedHeader(svid?.svid ?? '')
        expect(after.keyIds).toContain(kid)
      })
    })

    it('FED-4.1-a: the next CA is published beside the one in use', async () => {
      await admit(registry)
      await during<X509BundlesResponse, void>('FetchX509Bundles', async (stream) => {
        const read = async (count: number) =>
          X509Bundle.fromDer(
            api.trustDomain,
            (await stream.message(count)).bundles[api.trustDomain.id] ?? new Uint8Array(),
          )
        const before = await read(1)
        await api.rotateX509Authority()
        const after = await read(2)
        expect(after.authorities).toHaveLength(before.authorities.length + 1)
        expect(after.authorities).toEqual(expect.arrayContaining([...before.authorities]))
      })
    })
  })

  describe('JWT-SVIDs', () => {
    it('the token holds what the specification and SPIRE put in it', async () => {
      await admit(registry)
      const [svid, ...others] = await jwt(['a', 'b'])
      expect(others).toEqual([])
      expect(svid).toMatchObject({ spiffeId: registry.toString(), hint: '' })
      const header = decodeProtectedHeader(svid?.svid ?? '')
      expect(Object.keys(header).sort()).toEqual(['alg', 'kid', 'typ'])
      expect(header).toMatchObject({ alg: 'ES256', typ: 'JWT', kid: expect.stringMatching(/^[A-Za-z0-9]{32}$/) })
      const claims = decodeJwt(svid?.svid ?? '')
      expect(Object.keys(claims).sort()).toEqual(['aud', 'exp', 'iat', 'sub'])
      expect(claims).toMatchObject({ sub: registry.toString(), aud: ['a', 'b'] })
      expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(jwtTtlSeconds)
    })

    it('JWT-3.2-a: one audience is a list too', async () => {
      await admit(registry)
      const [svid] = await jwt(['a'])
      expect(decodeJwt(svid?.svid ?? '').aud).toEqual(['a'])
    })

    it('empty audiences are left out, and none but empty ones refused: Unavailable', async () => {
      await admit(registry)
      const [svid] = await jwt(['', 'a'])
      expect(decodeJwt(svid?.svid ?? '').aud).toEqual(['a'])
      expect(await raw.unary('FetchJWTSVID', { audience: [''] })).toMatchObject({ code: Status.UNAVAILABLE })
    })

    it('it verifies with the bundle', async () => {
      await admit(registry)
      const bundle = keysOf(await firstOf<JWTBundlesResponse>('FetchJWTBundles'), api.trustDomain)
      const [svid] = await jwt(['a'])
      const verified = await verifyJwtSvid(svid?.svid ?? '', bundle, { audience: 'a', atMs: api.clock.wallMs() })
      expect(verified.id.toString()).toBe(registry.toString())
    })

    it('a token is handed out again, until about half of its life', async () => {
      await admit(registry, { jwtTtlSeconds: 10 })
      const [first] = await jwt(['cached'])
      const [again] = await jwt(['cached'])
      expect(again?.svid).toBe(first?.svid)
      await api.passTime(6_000)
      const [next] = await jwt(['cached'])
      expect(next?.svid).not.toBe(first?.svid)
    })

    it('WLA-6.2.1-b: all identities, or the one that is named', async () => {
      await admit(registry, { hint: 'internal' })
      await admit(worker)
      const all = await jwt(['a'])
      expect(all.map(({ spiffeId, hint }) => [spiffeId, hint]).sort()).toEqual([
        [registry.toString(), 'internal'],
        [worker.toString(), ''],
      ])
      expect((await jwt(['a'], worker.toString())).map(({ spiffeId }) => spiffeId)).toEqual([worker.toString()])
    })

    it('WLA-5.2.1-c: of two entries with one hint the older is served', async () => {
      await admit(worker, { hint: 'same' })
      await api.passTime(1100)
      await admit(registry, { hint: 'same' })
      expect((await jwt(['a'])).map(({ spiffeId }) => spiffeId)).toEqual([worker.toString()])
    })

    it('the order of the audiences makes no other token', async () => {
      await admit(registry)
      const [one] = await jwt(['b', 'a'])
      const [two] = await jwt(['a', 'b'])
      expect(two?.svid).toBe(one?.svid)
    })

    it('WLA-6.2.1-b: an identity of somebody else: PermissionDenied', async () => {
      await admit(registry)
      const request = { audience: ['a'], spiffeId: worker.toString() }
      expect(await raw.unary('FetchJWTSVID', request)).toMatchObject({ code: Status.PERMISSION_DENIED })
    })

    it.each([
      ['WLA-6.2.1-a: no audience', { audience: [] }],
      ['WLA-4.5-a: a malformed SPIFFE ID', { audience: ['a'], spiffeId: 'spiffe://UPPER' }],
    ])('%s: InvalidArgument', async (_name, request) => {
      await admit(registry)
      expect(await raw.unary('FetchJWTSVID', request)).toMatchObject({ code: Status.INVALID_ARGUMENT })
    })
  })

  describe('validation', () => {
    it('WLA-6.2.3-a: a valid token: its ID and its claims, numbers as doubles, the audience a list', async () => {
      await admit(registry)
      const [svid] = await jwt(['a'])
      const request = { audience: 'a', svid: svid?.svid ?? '' }
      const { messages } = await raw.unary<ValidateJWTSVIDResponse>('ValidateJWTSVID', request)
      const { exp, iat } = decodeJwt(request.svid)
      expect(messages).toMatchObject([
        { spiffeId: registry.toString(), claims: { sub: registry.toString(), aud: ['a'], exp, iat } },
      ])
    })

    it.each([
      ['for another audience', 'b', (token: string) => token],
      ['that is none', 'a', () => 'no.token.atall'],
      ['whose signature is of another', 'a', (token: string) => `${token.slice(0, -8)}AAAAAAAA`],
      ['WLA-4.5-a: that is empty', 'a', () => ''],
      ['WLA-4.5-a: for no audience', '', (token: string) => token],
    ])('WLA-6.2.3-a: a token %s: InvalidArgument', async (_name, audience, change) => {
      await admit(registry)
      const [svid] = await jwt(['a'])
      const ended = await raw.unary('ValidateJWTSVID', { audience, svid: change(svid?.svid ?? '') })
      expect(ended).toMatchObject({ code: Status.INVALID_ARGUMENT, messages: [] })
    })

    it('judges for a process without an identity too', async () => {
      await admit(registry)
      const [svid] = await jwt(['a'])
      await forgetEntries()
      const request = { audience: 'a', svid: svid?.svid ?? '' }
      const { messages } = await raw.unary<ValidateJWTSVIDResponse>('ValidateJWTSVID', request)
      expect(messages).toMatchObject([{ spiffeId: registry.toString() }])
    })

    it('WLA-6.3-a: our client: valid, and rejected', async () => {
      await admit(registry)
      await using client = new WorkloadApiClient({ endpoint: api.endpoint })
      const [svid] = await client.fetchJwtSvids({ audience: ['a'] })
      const { id } = await client.validateJwtSvid({ token: svid.token, audience: 'a' })
      expect(id.toString()).toBe(registry.toString())
      await expect(client.validateJwtSvid({ token: svid.token, audience: 'b' })).rejects.toMatchObject({
        code: 'ERR_WORKLOAD_API_TOKEN_REJECTED',
      })
    })
  })

  describe('discovery', () => {
    const get = async (path: string) => {
      const response = await fetch(new URL(path, api.jwksUrl))
      const body = (await response.json()) as { keys: { kid: string }[] }
      return { status: response.status, cache: response.headers.get('cache-control'), body }
    }

    it('has the keys of the bundle, with alg and without a use', async () => {
      await admit(registry)
      const bundle = keysOf(await firstOf<JWTBundlesResponse>('FetchJWTBundles'), api.trustDomain)
      await eventually(async () => {
        const { status, cache, body } = await get('/keys')
        expect(status).toBe(200)
        expect(cache).toBe('no-cache, no-store, must-revalidate')
        expect(body.keys.map(({ kid }) => kid).sort()).toEqual([...bundle.keyIds].sort())
        for (const key of body.keys) expect(key).toMatchObject({ alg: 'ES256', kty: 'EC' })
        for (const key of body.keys) expect(key).not.toHaveProperty('use')
      })
    })

    it('names the keys in its document', async () => {
      const { body } = await get('/.well-known/openid-configuration')
      expect(body).toEqual({
        issuer: expect.stringMatching(/^https?:\/\/127\.0\.0\.1/),
        jwks_uri: expect.stringMatching(/\/keys$/),
        authorization_endpoint: '',
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256', 'ES256', 'ES384'],
      })
    })
  })
}

function keysOf({ bundles }: JWTBundlesResponse, trustDomain: TrustDomain): JwtBundle {
  return JwtBundle.fromJwks(trustDomain, bundles[trustDomain.id] ?? new Uint8Array())
}
