import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { systemClock } from '@chaveiro/rotation'
import { expect, it, vi } from 'vitest'
import { hourMs, makeKey, TestAuthority } from './authority.js'
import { callerOf, mutualTls } from './readme-example.js'
import { jwtBundle, signParts } from './tokens.js'

it('the README shows the example that runs here', async () => {
  const [readme, code] = await Promise.all(
    ['../README.md', 'readme-example.ts'].map((path) => readFile(new URL(path, import.meta.url), 'utf8')),
  )
  expect(readme).toContain(`\`\`\`ts\n${code}\`\`\``)
})

it('the example of mutual TLS runs', async () => {
  const alive = { notBeforeMs: systemClock.wallMs() - hourMs, notAfterMs: systemClock.wallMs() + hourMs }
  const authority = new TestAuthority('neural-hive.local', alive)
  const svid = authority.svid('/ns/neural-hive-core/sa/service-registry', alive)
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const { server, call } = mutualTls({
    x509Svid: () => svid,
    x509BundleFor: (td) => authority.bundle.x509BundleFor(td),
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = await call((server.address() as AddressInfo).port)
  const [said] = (await once(socket, 'data')) as [Buffer]
  expect(said.toString()).toBe(`hello ${svid.id}`)
  expect(log).toHaveBeenCalledWith(`talking to ${svid.id}`)
  log.mockRestore()
  socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

it('the example of a token runs', async () => {
  const { trustDomain } = new TestAuthority('neural-hive.local')
  const key = makeKey()
  const claims = { sub: `${trustDomain.id}/ns/a`, aud: 'service-registry.neural-hive.local', exp: 2000 }
  const token = signParts({ alg: 'ES256', kid: 'one' }, claims, key)
  expect(await callerOf(token, jwtBundle(trustDomain, { one: key }), 1_990_000)).toBe('/ns/a')
})
