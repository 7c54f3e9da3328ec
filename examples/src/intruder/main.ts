/**
 * The intruder: a process with a valid identity of its own that nobody has given any right. It tries what a thief
 * would, again and again; each attempt must be refused.
 * @module
 */
import { jwtSvidClientOptions, spiffeChannelCredentials } from '@chaveiro/grpc'
import { authorizeTrustDomain, JwtSource, X509Source } from '@chaveiro/spiffe'
import { type ChannelCredentials, type ClientOptions, status } from '@grpc/grpc-js'
import { RegistryClient } from '../registry-api/client.js'
import { newWork, report, type Work } from '../sample/report.js'
import { required } from '../sample/required.js'
import { runSample } from '../sample/run.js'
import { ticks } from '../sample/ticks.js'

interface Attempt {
  readonly name: string
  readonly options: ClientOptions
  readonly mustEndWith: status
}

/** Each must be refused, and in this way. */
function attempts(source: JwtSource, audience: string): Attempt[] {
  return [
    { name: 'no token', options: {}, mustEndWith: status.UNAUTHENTICATED },
    {
      name: 'wrong audience',
      options: jwtSvidClientOptions({ source, audience: 'another-service.neural-hive.local' }),
      mustEndWith: status.UNAUTHENTICATED,
    },
    {
      name: 'identity that the policy does not name',
      options: jwtSvidClientOptions({ source, audience }),
      mustEndWith: status.PERMISSION_DENIED,
    },
  ]
}

async function tryIt(
  { name, options, mustEndWith }: Attempt,
  credentials: ChannelCredentials,
  { calls }: Work,
): Promise<void> {
  const registry = new RegistryClient(required('SERVICE_REGISTRY_ADDRESS'), credentials, options)
  try {
    await registry.list()
    calls.failed += 1
    report('sample_admitted', { attempt: name })
  } catch (error) {
    const { code } = error as { code: status }
    if (code === mustEndWith) calls.refusedAsExpected += 1
    else calls.failed += 1
    report('sample_refused', { attempt: name, status: status[code] ?? 'UNKNOWN' })
  } finally {
    registry.close()
  }
}

await runSample(async (stop) => {
  await using svid = await X509Source.open({ signal: stop })
  await using jwt = await JwtSource.open({ signal: stop })
  const authorize = authorizeTrustDomain(svid.x509Svid().id.trustDomain)
  const credentials = spiffeChannelCredentials({ svid, bundles: svid, authorize })
  const work = newWork()
  report('sample_ready')
  await ticks(5000, stop, async () => {
    for (const attempt of attempts(jwt, required('SERVICE_REGISTRY_AUDIENCE'))) {
      if (!stop.aborted) await tryIt(attempt, credentials, work)
    }
    report('sample_work', work)
  })
  report('sample_closed', { rotations: [] })
})
