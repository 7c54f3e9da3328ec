import { readFile } from 'node:fs/promises'
import { EmbeddedStack, prepareStack } from '@chaveiro/dev'
import { locateManifest, makePlan } from '@chaveiro/operations'
import { TrustDomain } from '@chaveiro/spiffe'
import { VaultClient } from '@chaveiro/vault'
import { expect, it } from 'vitest'

const file = new URL('../../examples/chaveiro.yaml', import.meta.url)

it('a plan after an apply is empty on the embedded stack too (pain 21)', async () => {
  const ttls = { x509SvidSeconds: 3600, jwtSvidSeconds: 300 }
  await using stack = await EmbeddedStack.start({ trustDomain: TrustDomain.parse('neural-hive.local'), ttls })
  const located = locateManifest(await readFile(file, 'utf8'), 'chaveiro.yaml')
  await prepareStack(stack, located.manifest)
  await using vault = new VaultClient({ address: stack.vault.address, token: () => stack.vault.rootToken })
  const env = { CHAVEIRO_JWKS_URL: stack.jwksUrl, PGHOST: stack.database.host, PGPORT: String(stack.database.port) }
  const { plan } = await makePlan({ located, vault, env, groups: ['policies', 'database', 'secrets'] })
  expect(plan).toMatchObject({ changes: [], compared: 17, unchanged: 17 })
})
