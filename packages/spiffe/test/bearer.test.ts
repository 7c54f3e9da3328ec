import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DevAuthority } from '@chaveiro/dev'
import { bearerOf, JwtSvid, SpiffeId, TrustDomain, tokenOfBearer } from '@chaveiro/spiffe'
import { afterAll, beforeAll, expect, it } from 'vitest'

let server: Server
let received: string | undefined

beforeAll(async () => {
  server = createServer((request, response) => {
    received = request.headers.authorization
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(() => {
  server.close()
})

it('JWT-5.2-a: in HTTP a token travels as Authorization: Bearer', async () => {
  const trustDomain = TrustDomain.parse('a.example')
  const authority = await DevAuthority.create({ trustDomain })
  const token = await authority.issueJwt(SpiffeId.of(trustDomain, '/x'), ['peer'])
  const { port } = server.address() as AddressInfo
  const authorization = bearerOf(JwtSvid.parseUnverified(token)).expose()
  await fetch(`http://127.0.0.1:${port}`, { headers: { authorization } })
  expect(received).toBe(`Bearer ${token}`)
  expect(tokenOfBearer(received ?? '')).toBe(token)
})

it.each([
  { name: 'another case of the scheme', value: 'bEaReR a.b.c', token: 'a.b.c' },
  { name: 'several blanks', value: 'Bearer   a.b.c', token: 'a.b.c' },
  { name: 'another scheme', value: 'Basic a.b.c', token: undefined },
  { name: 'no token', value: 'Bearer ', token: undefined },
  { name: 'two tokens', value: 'Bearer a.b.c, Bearer d.e.f', token: undefined },
  { name: 'something after the token', value: 'Bearer a.b.c d', token: undefined },
  { name: 'nothing', value: '', token: undefined },
])('reads a header value with $name', ({ value, token }) => {
  expect(tokenOfBearer(value)).toBe(token)
})

it('does not show the token by accident', async () => {
  const trustDomain = TrustDomain.parse('a.example')
  const authority = await DevAuthority.create({ trustDomain })
  const token = await authority.issueJwt(SpiffeId.of(trustDomain, '/x'), ['peer'])
  expect(`${bearerOf(JwtSvid.parseUnverified(token))}`).not.toContain(token)
})
