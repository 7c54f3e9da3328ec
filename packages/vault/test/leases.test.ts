import { Secret } from '@chaveiro/rotation'
import { VaultClient } from '@chaveiro/vault'
import { expect, it } from 'vitest'
import { json, LoopbackServer } from './loopback-server.js'

const id = 'database/creds/app/x'
const renewed = json(200, { request_id: 'r', lease_id: id, lease_duration: 60, renewable: true, data: null })
const denied = json(403, { errors: ['1 error occurred:\n\t* permission denied\n\n'] })

/** Renews twice at a server that allows some of the two ways; @returns the paths that were asked for. */
async function renewTwice(
  allowed: (url: string) => boolean,
): Promise<{ asked: (string | undefined)[]; outcomes: unknown[] }> {
  await using server = await LoopbackServer.start((asked, response, request) =>
    (allowed(asked.url ?? '') ? renewed : denied)(asked, response, request),
  )
  await using client = new VaultClient({ address: server.address, token: () => new Secret('t') })
  const outcomes: unknown[] = []
  for (const _time of [1, 2]) {
    outcomes.push(
      await client.leases.renew(id).then(
        ({ ttlSeconds }) => ttlSeconds,
        ({ code }) => code,
      ),
    )
  }
  return { asked: server.asked.map(({ url }) => url?.replace('/v1/sys/leases/', '')), outcomes }
}

const named = `renew/${id}`

it.each([
  { name: 'names the lease in the path', allowed: () => true, asked: [named, named], outcomes: [60, 60] },
  {
    name: "falls back to what Vault's default policy allows, and remembers it",
    allowed: (url: string) => url.endsWith('renew'),
    asked: [named, 'renew', 'renew'],
    outcomes: [60, 60],
  },
  {
    name: 'is denied when both ways are',
    allowed: () => false,
    asked: [named, 'renew', named, 'renew'],
    outcomes: ['ERR_VAULT_PERMISSION_DENIED', 'ERR_VAULT_PERMISSION_DENIED'],
  },
])('a renewal $name', async ({ allowed, asked, outcomes }) => {
  expect(await renewTwice(allowed)).toEqual({ asked, outcomes })
})
