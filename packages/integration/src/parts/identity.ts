/**
 * Who this service is: the Workload API and its two sources.
 * @module
 */
import type { Clock, Rotator } from '@chaveiro/rotation'
import { JwtSource, WorkloadApiClient, X509Source } from '@chaveiro/spiffe'
import type { SpiffeConfiguration } from '../configuration/configuration.js'
import type { Closers } from '../lifecycle/closers.js'
import type { StartBound } from '../lifecycle/start-bound.js'

export interface Identity {
  readonly x509: X509Source
  readonly jwt: JwtSource
}

export interface IdentityOptions {
  readonly configuration: SpiffeConfiguration
  readonly rotator: Rotator
  readonly closers: Closers
  readonly bound: StartBound
  readonly clock: Clock
}

/** Opens both sources and waits for an identity: its entry may arrive seconds after the process. */
export async function openIdentity({
  configuration,
  rotator,
  closers,
  bound,
  clock,
}: IdentityOptions): Promise<Identity> {
  return bound.run('spiffe', async (signal) => {
    const client = new WorkloadApiClient({ endpoint: configuration.endpoint, clock })
    closers.add('Workload API', () => client.close())
    // Both at once: each waits for its own first message.
    const start = { client, clock, signal, timeoutMs: bound.stepTimeoutMs }
    const opened = await Promise.allSettled([X509Source.open(start), JwtSource.open({ ...start, rotator })])
    const [x509, jwt] = opened
    if (x509.status === 'fulfilled') closers.add('X.509-SVIDs', () => x509.value.close())
    if (jwt.status === 'fulfilled') closers.add('JWT-SVIDs', () => jwt.value.close())
    if (x509.status === 'rejected') throw x509.reason
    if (jwt.status === 'rejected') throw jwt.reason
    return { x509: x509.value, jwt: jwt.value }
  })
}
