import { Rotator, type Secret } from '@chaveiro/rotation'
import { jwtLogin, VaultClient, VaultSession } from '@chaveiro/vault'

/** @param fetchJwt - a fresh JWT for Vault's audience, asked for at each login */
export async function readAndLease(address: string, fetchJwt: (signal: AbortSignal) => Promise<Secret>) {
  await using client = new VaultClient({ address })
  await using rotator = new Rotator()
  await using session = VaultSession.open({
    client,
    rotator,
    login: jwtLogin({ role: 'orchestrator-dynamic', jwt: fetchJwt }),
  })
  await session.ready(AbortSignal.timeout(10_000))

  const { data, version } = await session.kv().read('orchestrator/kafka')
  const lease = session.lease(session.database({ role: 'temporal-orchestrator' }))
  const { username } = await lease.ready(AbortSignal.timeout(10_000))
  return { keys: Object.keys(data), version, username }
}
