/**
 * A service without servers: Vault and SPIFFE are off, and its credentials come from a source that the test holds.
 */

import { type Environment, type StartOptions, VaultIntegration } from '@chaveiro/integration'
import { Secret, type Source } from '@chaveiro/rotation'

/** Values that must never be seen outside. */
export const planted = {
  token: 'hvs.CAESIPlantedPlantedPlantedPlanted',
  password: 'planted-password-9f8e7d',
  peerToken: 'planted-peer-token-1a2b3c',
  kv: 'planted-kv-value-4d5e6f',
}

const staticEnvironment: Environment = {
  CHAVEIRO_SERVICE_NAME: 'orchestrator-dynamic',
  CHAVEIRO_VAULT_ENABLED: 'false',
  CHAVEIRO_SPIFFE_ENABLED: 'false',
  CHAVEIRO_ADMIN_ADDRESS: '127.0.0.1:0',
  CHAVEIRO_STATIC_SECRET__ORCHESTRATOR__KAFKA__PASSWORD: planted.kv,
}

/** One line of the log. */
export type Line = Readonly<Record<string, unknown>> & { readonly event: string }

/** Keeps what is logged. */
export class Lines {
  readonly texts: string[] = []

  write(text: string): void {
    this.texts.push(text)
  }

  get all(): Line[] {
    return this.texts.map((text) => JSON.parse(text) as Line)
  }

  of(event: string): Line[] {
    return this.all.filter((line) => line.event === event)
  }
}

/** Starts the service; close it with `await using`. */
export async function startStatic(
  options: Omit<StartOptions, 'logStream'> = {},
): Promise<{ service: VaultIntegration; lines: Lines; url: string } & AsyncDisposable> {
  const lines = new Lines()
  const service = await VaultIntegration.start({
    ...options,
    env: { ...staticEnvironment, ...options.env },
    logStream: lines,
  })
  return { service, lines, url: `http://${service.adminAddress}`, [Symbol.asyncDispose]: () => service.close('test') }
}

export interface FakeSourceOptions {
  readonly credentialType?: string
  readonly name?: string
  readonly ttlSeconds?: number
  readonly renewable?: boolean
  /** Asked before each answer: what it throws is the answer. */
  readonly fail?: () => Error | undefined
}

/** A source whose values are secrets that must not show. */
export function fakeSource(options: FakeSourceOptions = {}): Source<Secret> {
  const { credentialType = 'database', name = 'temporal', ttlSeconds = 60, renewable = true, fail } = options
  const failing = (): void => {
    const error = fail?.()
    if (error !== undefined) throw error
  }
  return {
    credentialType,
    name,
    issue: async () => {
      failing()
      return { value: new Secret(planted.password), ttlSeconds, renewable }
    },
    renew: async () => {
      failing()
      return { ttlSeconds, renewable }
    },
    revoke: async () => undefined,
  }
}

/** Lets promises settle that wait for nothing but each other. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
