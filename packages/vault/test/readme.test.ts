import { readFile } from 'node:fs/promises'
import { Secret } from '@chaveiro/rotation'
import { expect, it } from 'vitest'
import { type Asked, json, LoopbackServer } from './loopback-server.js'
import { readAndLease } from './readme-example.js'

it('the README shows the example that runs here', async () => {
  const [readme, code] = await Promise.all(
    ['../README.md', 'readme-example.ts'].map((path) => readFile(new URL(path, import.meta.url), 'utf8')),
  )
  expect(readme).toContain(`\`\`\`ts\n${code}\`\`\``)
})

const auth = {
  client_token: 'hvs.planted',
  accessor: 'a',
  policies: ['default'],
  metadata: { role: 'orchestrator-dynamic' },
  lease_duration: 3600,
  renewable: true,
  entity_id: 'e',
  token_type: 'service',
  orphan: true,
  num_uses: 0,
}
const metadata = { created_time: '2026-01-01T00:00:00Z', deletion_time: '', destroyed: false, version: 3 }
const answers: Readonly<Record<string, object>> = {
  'POST /v1/auth/jwt/login': { auth },
  'GET /v1/secret/data/orchestrator/kafka': { data: { data: { username: 'u' }, metadata } },
  'GET /v1/database/creds/temporal-orchestrator': {
    lease_id: 'database/creds/temporal-orchestrator/x',
    lease_duration: 3600,
    renewable: true,
    data: { username: 'v-1', password: 'p' },
  },
}

it('the example logs in, reads, leases, and leaves nothing', async () => {
  const nameOf = ({ method, url }: Asked): string => `${method} ${url}`
  await using server = await LoopbackServer.start((asked, response, request) => {
    const answer = answers[nameOf(asked)]
    if (answer) json(200, { request_id: 'r', ...answer })(asked, response, request)
    else response.writeHead(204).end()
  })
  expect(await readAndLease(server.address, async () => new Secret('a.jwt.svid'))).toEqual({
    keys: ['username'],
    version: 3,
    username: 'v-1',
  })
  expect(server.asked.map(nameOf)).toEqual([
    'POST /v1/auth/jwt/login',
    'GET /v1/secret/data/orchestrator/kafka',
    'GET /v1/database/creds/temporal-orchestrator',
    'POST /v1/sys/leases/revoke/database/creds/temporal-orchestrator/x',
    'POST /v1/auth/token/revoke-self',
  ])
  expect(JSON.parse(server.asked[0]?.body ?? '')).toEqual({ role: 'orchestrator-dynamic', jwt: 'a.jwt.svid' })
  const tokens = server.asked.map(({ headers }) => headers['x-vault-token'])
  expect(tokens).toEqual([undefined, ...Array(4).fill('hvs.planted')])
})
