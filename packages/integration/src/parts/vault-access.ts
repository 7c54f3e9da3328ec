/**
 * What this service may have: the client of Vault and the session that logs in.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { type Clock, type Rotator, Secret } from '@chaveiro/rotation'
import type { JwtSource } from '@chaveiro/spiffe'
import { jwtLogin, VaultClient, VaultSession } from '@chaveiro/vault'
import type { VaultConfiguration } from '../configuration/configuration.js'
import { ConfigurationError } from '../configuration/errors.js'
import type { Closers } from '../lifecycle/closers.js'
import type { StartBound } from '../lifecycle/start-bound.js'

export interface VaultAccessOptions {
  readonly configuration: VaultConfiguration
  /** Absent with SPIFFE off: the JWT then comes from a file. */
  readonly jwt: JwtSource | undefined
  readonly rotator: Rotator
  readonly closers: Closers
  readonly bound: StartBound
  readonly clock: Clock
}

/** Logs in, and keeps the login fresh. */
export async function openVault(options: VaultAccessOptions): Promise<VaultSession> {
  const { configuration, rotator, closers, bound, clock } = options
  const { address, namespace, ca, timeoutMs, jwtMount: mount, role } = configuration
  return bound.run('vault', async (signal) => {
    const client = new VaultClient({
      address,
      timeoutMs,
      clock,
      ...(namespace === undefined ? {} : { namespace }),
      ...(ca === undefined ? {} : { ca }),
    })
    closers.add('Vault client', () => client.close())
    const login = jwtLogin({ mount, role, jwt: (until) => jwtOf(options, until) })
    const session = VaultSession.open({ client, login, rotator })
    closers.add('Vault session', (boundMs) => session.close({ revoke: true, timeoutMs: boundMs }))
    await bound.ready(session.token, signal)
    return session
  })
}

async function jwtOf({ configuration, jwt }: VaultAccessOptions, signal: AbortSignal): Promise<Secret> {
  const { audience, jwtFile } = configuration
  if (jwt !== undefined && audience !== undefined) return (await jwt.fetchJwtSvid({ audience, signal })).token
  const content = await readFile(jwtFile ?? '', { encoding: 'utf8', signal }).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(jwtFile ?? '', cause)
  })
  return new Secret(content.trim())
}

function unreadable(file: string, cause: NodeJS.ErrnoException): ConfigurationError {
  const message = `names the file ${file}, which cannot be read (${cause.code ?? 'unknown error'})`
  const cure = `Make ${file} readable for this process.`
  const problem = { code: 'ERR_CONFIGURATION_FILE', key: 'vault.jwtFile', origin: file, message, cure } as const
  return new ConfigurationError([problem], { cause })
}
