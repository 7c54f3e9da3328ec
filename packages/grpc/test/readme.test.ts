import { readFile } from 'node:fs/promises'
import { systemClock } from '@chaveiro/rotation'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { expect, it } from 'vitest'
import { TestAuthority } from './authority.js'
import { dial, type Identity, serve } from './readme-example.js'

const same = (value: Buffer): Buffer => value
const service: ServiceDefinition = {
  register: {
    path: '/registry.Registry/Register',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
}

it('the README shows the example that runs here', async () => {
  const [readme, code] = await Promise.all(
    ['../README.md', 'readme-example.ts'].map((path) => readFile(new URL(path, import.meta.url), 'utf8')),
  )
  expect(readme).toContain(`\`\`\`ts\n${code}\`\`\``)
})

it('the example of the README runs', async () => {
  const authority = new TestAuthority('neural-hive.local', systemClock)
  const identity = (path: string): Identity => {
    const svid = authority.x509Svid(path)
    const x509Bundle = authority.x509Bundle()
    const bundle = authority.jwtBundle()
    return {
      x509: { x509Svid: () => svid, x509BundleFor: () => x509Bundle },
      jwt: {
        fetchJwtSvid: async ({ audience }: { audience: string }) => authority.jwtSvid(path, { audience }),
        jwtBundleFor: () => bundle,
      },
    }
  }
  const { server, credentials } = serve(identity('/ns/neural-hive-core/sa/service-registry'), service)
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
  )
  const client = dial(identity('/ns/neural-hive-execution/sa/worker-agents'), `127.0.0.1:${port}`)
  try {
    const answer = await new Promise<Buffer | undefined>((resolve, reject) =>
      client.makeUnaryRequest('/registry.Registry/Register', same, same, Buffer.alloc(0), (error, value) =>
        error ? reject(error) : resolve(value),
      ),
    )
    expect(String(answer)).toBe('welcome, spiffe://neural-hive.local/ns/neural-hive-execution/sa/worker-agents')
  } finally {
    client.close()
    server.forceShutdown()
  }
})
