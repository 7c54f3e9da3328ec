/**
 * One service from start to end: what it holds, how it tells of it, what it leaves behind. The same cases run on the
 * embedded Vault and on the real one; PostgreSQL is real in both, the Workload API is the embedded one.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DevAuthority,
  DevWorkloadApi,
  leftBehind,
  PostgresServer,
  prepareStack,
  type Stack,
  sampleServices,
} from '@chaveiro/dev'
import { exitCodeFor, type ServiceReport, type StartOptions, VaultIntegration } from '@chaveiro/integration'
import { readManifest } from '@chaveiro/operations'
import type { Secret } from '@chaveiro/rotation'
import { authorizeTrustDomain, SpiffeId, TrustDomain } from '@chaveiro/spiffe'
import { VaultClient } from '@chaveiro/vault'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { echoMethod, sayEcho, startEcho } from '../support/echo-service.js'

/** A Vault to run on. */
export interface RunningVault {
  readonly address: string
  readonly rootToken: Secret
  /** As many as an unseal needs. */
  readonly unsealKeys: readonly Secret[]
  close(): Promise<void>
}

const manifestFile = new URL('../../examples/chaveiro.yaml', import.meta.url)

let stack: Stack & { readonly database: PostgresServer }
let vault: RunningVault
let env: Record<string, string>

async function startStack(startVault: () => Promise<RunningVault>): Promise<void> {
  const manifest = readManifest(await readFile(manifestFile, 'utf8'), manifestFile.pathname)
  const { trustDomain } = manifest
  const folder = await mkdtemp(join(tmpdir(), 'chaveiro-integration-'))
  const authority = await DevAuthority.create({ trustDomain, x509TtlSeconds: 60, jwtTtlSeconds: 30 })
  const api = await DevWorkloadApi.start({ authority, folder: join(folder, 'id') })
  const database = await PostgresServer.start()
  vault = await startVault()
  const close = async (): Promise<void> => {
    await vault.close()
    await api.close()
    await database.close()
    await rm(folder, { recursive: true, force: true })
  }
  stack = {
    kind: 'embedded',
    servers: [],
    trustDomain,
    folder,
    vault,
    jwksUrl: api.jwksUrl,
    database,
    env: {},
    entryVariables: async () => ({}),
    admit: async (name, id) => ({
      env: { SPIFFE_ENDPOINT_SOCKET: await api.addWorkload({ id, socketName: `${name}.sock` }) },
      execPath: process.execPath,
    }),
    close,
    [Symbol.asyncDispose]: close,
  }
  await prepareStack(stack, manifest)
  const orchestrator = sampleServices.find(({ name }) => name === 'orchestrator-dynamic')
  if (!orchestrator) throw new Error('the sample platform has an orchestrator')
  const admission = await stack.admit(orchestrator.name, SpiffeId.of(trustDomain, orchestrator.path))
  env = { ...orchestrator.env(stack, '127.0.0.1:1'), ...admission.env, CHAVEIRO_START_TIMEOUT: '15s' }
}

/** A second workload, which others call. */
async function registryEnvironment(): Promise<Record<string, string>> {
  const registry = sampleServices.find(({ name }) => name === 'service-registry')
  if (!registry) throw new Error('the sample platform has a registry')
  const admission = await stack.admit(registry.name, SpiffeId.of(stack.trustDomain, registry.path))
  const noDatabase = { CHAVEIRO_DATABASE_HOST: '', CHAVEIRO_DATABASE_NAME: '', CHAVEIRO_DATABASE_ROLE: '' }
  return { ...registry.env(stack, ''), ...admission.env, ...noDatabase }
}

interface Line {
  readonly event: string
  readonly [field: string]: unknown
}

class Lines {
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

async function start(options: StartOptions = {}): Promise<{ service: VaultIntegration; lines: Lines; url: string }> {
  const lines = new Lines()
  const service = await VaultIntegration.start({ ...options, env: { ...env, ...options.env }, logStream: lines })
  return { service, lines, url: `http://${service.adminAddress}` }
}

const admin = (): VaultClient => new VaultClient({ address: vault.address, token: () => vault.rootToken })

/** Registers the cases for one kind of Vault. */
export function vaultIntegrationSuite(startVault: () => Promise<RunningVault>): void {
  beforeAll(() => startStack(startVault))

  afterAll(async () => {
    await stack?.close()
  })

  describe('a service on its identity alone', () => {
    it('holds everything, uses it, tells of it without a secret, and leaves nothing behind', async () => {
      const { service, lines, url } = await start()
      const outputs: string[] = []
      const secrets: string[] = []
      try {
        const { rows } = await service.pool.query('SELECT current_user AS me')
        expect(rows[0].me).toMatch(/^v-/)
        const kafka = await service.secrets.read('orchestrator/kafka')
        expect(kafka.keys.toSorted()).toEqual(['password', 'username'])
        expect(kafka.version).toBe(1)
        secrets.push(kafka.get('password').expose(), service.vault.token.current().token.expose())
        secrets.push((await service.identity.jwt.fetchJwtSvid({ audience: 'peer' })).token.expose())

        expect((await fetch(`${url}/readyz`)).status).toBe(200)
        const report = (await (await fetch(`${url}/rotations`)).json()) as ServiceReport
        expect(report).toMatchObject({ vault_state: 'active', static_credentials: [], ready: true })
        expect(report.spiffe_id).toMatch(/^spiffe:\/\/neural-hive\.local\//)
        expect(new Set(report.rotations.map(({ credential_type }) => credential_type))).toEqual(
          new Set(['x509_svid', 'jwt_svid', 'token', 'database']),
        )
        const metrics = await service.metrics()
        for (const sample of [
          /^vault_token_ttl_seconds \d/m,
          /^vault_credential_ttl_seconds\{credential_type="database"\} \d/m,
          /^spiffe_svid_ttl_seconds\{svid_type="x509"\} \d/m,
          /^spiffe_svid_ttl_seconds\{svid_type="jwt"\} \d/m,
          /^vault_requests_total\{operation="login",status="success"\} 1/m,
          /^chaveiro_vault_up\{state="active"\} 1/m,
          /^chaveiro_runway_seconds\{dependency="vault"\} \d/m,
          /^chaveiro_runway_seconds\{dependency="spire"\} \d/m,
          /^spiffe_trust_bundle_last_update_timestamp_seconds \d/m,
        ]) {
          expect(metrics).toMatch(sample)
        }
        expect(metrics).not.toMatch(/="other"/)
        outputs.push(metrics, JSON.stringify(report), await (await fetch(url)).text())
      } finally {
        await service.close('test')
      }
      expect(lines.all.map(({ event }) => event)).toEqual(
        expect.arrayContaining([
          'svid_updated',
          'trust_bundle_updated',
          'vault_login_succeeded',
          'credential_fetched',
          'vault_integration_initialized',
          'credential_revoked',
          'shutdown_complete',
        ]),
      )
      expect(lines.of('shutdown_complete')).toMatchObject([{ reason: 'test', left_open: [] }])
      expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
      outputs.push(...lines.texts)
      for (const secret of secrets) expect(outputs.filter((output) => output.includes(secret))).toEqual([])
    })

    it('renews everything on POST /rotate, and the pool never notices', async () => {
      const { service, lines, url } = await start()
      try {
        const answer = await fetch(`${url}/rotate`, { method: 'POST', headers: { 'X-Chaveiro-Request': 'rotate' } })
        expect(await answer.json()).toMatchObject({ failed: [] })
        expect(lines.of('vault_token_renewed')).toMatchObject([{ reason: 'request' }])
        expect(lines.of('credential_renewed')).toMatchObject([{ reason: 'request', credential_type: 'database' }])
        await service.pool.query('SELECT 1')
      } finally {
        await service.close()
      }
    })

    it('lives on what it holds while Vault is sealed, and says what it sees', async () => {
      const { service, url } = await start()
      await using client = admin()
      try {
        await client.sys.seal()
        await service.renewAll()
        await service.pool.query('SELECT 1')
        expect((await fetch(`${url}/healthz`)).status).toBe(200)
        expect((await fetch(`${url}/readyz`)).status).toBe(200)
        expect(await service.metrics()).toMatch(/^chaveiro_vault_up\{state="sealed"\} 1/m)
      } finally {
        for (const key of vault.unsealKeys) await client.sys.unseal(key)
        await service.close()
      }
      expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
    })
  })

  describe('calls between two services', () => {
    const peers = authorizeTrustDomain(TrustDomain.parse('neural-hive.local'))

    it('are let in by identity and policy, over mTLS, and counted; others are refused by name', async () => {
      const caller = await start()
      const called = await start({ env: await registryEnvironment() })
      const policy = { [echoMethod]: [caller.service.report().spiffe_id ?? ''] }
      const interceptor = called.service.calls.serverInterceptor({ policy, requireSamePeer: true })
      const echo = await startEcho(called.service.calls.serverCredentials(peers), interceptor)
      const say = ({ calls }: VaultIntegration, audience: string): Promise<string> =>
        sayEcho(echo.address, calls.channelCredentials(peers), calls.clientOptions({ audience }))
      try {
        const audience = 'service-registry.neural-hive.local'
        expect(await say(caller.service, audience)).toBe('hello')
        await expect(say(caller.service, 'another')).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
        await expect(say(called.service, audience)).rejects.toMatchObject({ code: status.PERMISSION_DENIED })
        const metrics = await called.service.metrics()
        for (const sample of [
          /^grpc_jwt_auth_attempts_total\{service="service-registry",status="success"\} 1/m,
          /^grpc_jwt_auth_failures_total\{service="service-registry",reason="audience_mismatch"\} 1/m,
          /^grpc_jwt_auth_failures_total\{service="service-registry",reason="not_authorized"\} 1/m,
        ]) {
          expect(metrics).toMatch(sample)
        }
      } finally {
        echo.close()
        await called.service.close()
        await caller.service.close()
      }
    })
  })

  describe('with Vault and SPIFFE off', () => {
    it('the same code runs on static credentials, and says so', async () => {
      const { username, password } = stack.database.superuser
      const { service, lines, url } = await start({
        env: {
          CHAVEIRO_VAULT_ENABLED: 'false',
          CHAVEIRO_SPIFFE_ENABLED: 'false',
          CHAVEIRO_STATIC_DATABASE_USERNAME: username,
          CHAVEIRO_STATIC_DATABASE_PASSWORD: password.expose(),
          CHAVEIRO_STATIC_SECRET__ORCHESTRATOR__KAFKA__USERNAME: 'static',
        },
      })
      try {
        const { rows } = await service.pool.query('SELECT current_user AS me')
        expect(rows[0].me).toBe(username)
        expect((await service.secrets.read('orchestrator/kafka')).get('username').expose()).toBe('static')
        expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ static_credentials: ['vault', 'spire'] })
        expect(lines.of('static_credentials_in_use')).toHaveLength(2)
      } finally {
        await service.close()
      }
      expect(lines.texts.join('')).not.toContain(password.expose())
    })

    it('a wrong static password is a refusal, told at once', async () => {
      const error: unknown = await start({
        env: {
          CHAVEIRO_VAULT_ENABLED: 'false',
          CHAVEIRO_STATIC_DATABASE_USERNAME: stack.database.superuser.username,
          CHAVEIRO_STATIC_DATABASE_PASSWORD: 'not-the-password',
        },
      }).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'ERR_INTEGRATION_START_FAILED' })
      expect(exitCodeFor(error)).toBe(4)
    })
  })

  describe('a start that fails', () => {
    it('waits for a database that is down, as long as it may, then names it; nothing is left', async () => {
      await stack.database.stop()
      try {
        await expect(start({ env: { CHAVEIRO_START_TIMEOUT: '2s' } })).rejects.toMatchObject({
          code: 'ERR_INTEGRATION_START_TIMEOUT',
          message: expect.stringContaining('database'),
        })
      } finally {
        await stack.database.startAgain()
      }
      expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
    })

    it('goes on when what was down comes up in time', async () => {
      await stack.database.stop()
      const starting = start()
      await stack.database.startAgain()
      const { service } = await starting
      await service.pool.query('SELECT 1')
      await service.close()
    })

    it('does not wait for a refusal', async () => {
      const lines = new Lines()
      const refused = VaultIntegration.start({ env: { ...env, CHAVEIRO_VAULT_ROLE: 'nobody' }, logStream: lines })
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_INTEGRATION_START_FAILED',
        cure: expect.any(String),
      })
      expect(lines.of('vault_initialization_failed')).toMatchObject([{ level: 'error', reason: 'vault' }])
    })

    it('is given up when the caller says so', async () => {
      const stop = new AbortController()
      const starting = start({ env: { VAULT_ADDR: 'http://127.0.0.1:1' }, signal: stop.signal })
      stop.abort()
      await expect(starting).rejects.toMatchObject({ code: 'ERR_INTEGRATION_START_FAILED' })
    })

    it.each<{ name: string; settings: Record<string, string>; code: string; exitCode: number }>([
      {
        name: 'a database role that the policy does not allow',
        settings: { CHAVEIRO_DATABASE_ROLE: 'temporal-admin' },
        code: 'ERR_VAULT_PERMISSION_DENIED',
        exitCode: 4,
      },
      {
        name: 'an audience that Vault does not accept',
        settings: { CHAVEIRO_VAULT_AUDIENCE: 'somebody-else' },
        code: 'ERR_VAULT_LOGIN_FAILED',
        exitCode: 4,
      },
      {
        name: 'a database that is not where it is said to be',
        settings: { CHAVEIRO_DATABASE_PORT: '1', CHAVEIRO_START_TIMEOUT: '2s' },
        code: 'ECONNREFUSED',
        exitCode: 3,
      },
      {
        name: 'a Vault that cannot be reached',
        settings: { VAULT_ADDR: 'http://127.0.0.1:1', CHAVEIRO_START_TIMEOUT: '2s' },
        code: 'ERR_VAULT_UNREACHABLE',
        exitCode: 3,
      },
    ])('names $name, in the log too, and leaves nothing', async ({ settings, code, exitCode }) => {
      const lines = new Lines()
      const started = VaultIntegration.start({
        env: { ...env, ...settings },
        logStream: lines,
      })
      const error: unknown = await started.catch((reason: unknown) => reason)
      expect(exitCodeFor(error)).toBe(exitCode)
      expect(lines.of('vault_initialization_failed')).toMatchObject([
        { error: { cure: expect.any(String), causes: expect.arrayContaining([code]) } },
      ])
      expect(await leftBehind(stack)).toEqual({ leases: 0, database_users: 0 })
    })
  })
}
