import type { Channel } from 'node:diagnostics_channel'
import { jwtSvidAttached, jwtSvidRejected, jwtSvidValidated } from '@chaveiro/grpc'
import { logEvents, VaultIntegration } from '@chaveiro/integration'
import { FakeClock } from '@chaveiro/rotation/testing'
import { svidFetchFailed, svidUpdated, trustBundleUpdated } from '@chaveiro/spiffe'
import { describe, expect, it } from 'vitest'
import { fakeSource, Lines, planted, settled, startStatic } from './service.js'

/** The contract of names that operators' queries rely on. */
const contract = [
  'vault_integration_initialized',
  'vault_initialization_failed',
  'vault_login_succeeded',
  'vault_token_renewed',
  'vault_token_renewal_failed',
  'credential_fetched',
  'credential_renewed',
  'credential_replaced',
  'credential_revoked',
  'credential_renewal_failed',
  'svid_updated',
  'svid_fetch_failed',
  'trust_bundle_updated',
  'jwt_svid_attached',
  'jwt_svid_validated',
  'jwt_svid_rejected',
  'static_credentials_in_use',
  'shutdown_complete',
]

const publish = (channel: Channel, event: object): void => channel.publish(event)
const subject = 'spiffe://neural-hive.local/ns/neural-hive-execution/sa/worker-agents'

describe('the contract', () => {
  it('has the event names of the design, and no other', () => {
    expect(Object.keys(logEvents)).toEqual(contract)
  })

  it('gives each line timestamp, level, component, event and reason', async () => {
    const clock = new FakeClock({ wallMs: Date.UTC(2026, 10, 23, 12, 0, 0, 5) })
    const { service, lines } = await startStatic({ clock })
    await service.close()
    expect(lines.all.length).toBeGreaterThan(3)
    for (const line of lines.all) {
      expect(line).toMatchObject({
        timestamp: '2026-11-23T12:00:00.005Z',
        level: expect.stringMatching(/^(debug|info|warn|error)$/),
        component: expect.any(String),
        event: expect.any(String),
        reason: expect.any(String),
        service: 'orchestrator-dynamic',
      })
    }
    for (const text of lines.texts) expect(text).toMatch(/^\{.*\}\n$/)
  })
})

describe('a life in lines', () => {
  it('start and end', async () => {
    const { service, lines } = await startStatic()
    await service.close('SIGTERM')
    expect(lines.all.map(({ event }) => event)).toEqual([
      'static_credentials_in_use',
      'static_credentials_in_use',
      'vault_integration_initialized',
      'shutdown_complete',
    ])
    expect(lines.of('static_credentials_in_use')).toMatchObject([
      { level: 'warn', dependency: 'vault', setting: 'CHAVEIRO_VAULT_ENABLED=false' },
      { level: 'warn', dependency: 'spire', setting: 'CHAVEIRO_SPIFFE_ENABLED=false' },
    ])
    expect(lines.of('vault_integration_initialized')).toMatchObject([
      { vault_enabled: false, spiffe_enabled: false, admin_address: expect.stringMatching(/^127/) },
    ])
    expect(lines.of('shutdown_complete')).toMatchObject([{ reason: 'SIGTERM', left_open: [] }])
  })

  it.each([
    {
      credentialType: 'token',
      want: ['vault_login_succeeded', 'vault_token_renewed', 'vault_token_renewal_failed', 'credential_revoked'],
    },
    {
      credentialType: 'database',
      want: ['credential_fetched', 'credential_renewed', 'credential_renewal_failed', 'credential_revoked'],
    },
  ])('of a $credentialType', async ({ credentialType, want }) => {
    let away: Error | undefined
    const { service, lines } = await startStatic({ clock: new FakeClock() })
    const rotation = service.rotate(fakeSource({ credentialType, name: 'n', fail: () => away }))
    await rotation.ready()
    await rotation.renewNow('request')
    away = Object.assign(new Error(planted.token), { code: 'ERR_VAULT_SEALED' })
    await rotation.renewNow('request').catch(() => undefined)
    away = undefined
    await service.close()
    const told = lines.all.filter(({ credential_type }) => credential_type === credentialType)
    expect(told.map(({ event }) => event)).toEqual(want)
    expect(told.map(({ reason }) => reason)).toEqual(['start', 'request', 'request', 'request'])
    expect(told[1]).toMatchObject({ level: 'info', component: 'vault', credential_name: 'n', granted_seconds: 60 })
    expect(told[1]?.correlation_id).toEqual(expect.any(String))
    expect(told[2]).toMatchObject({ level: 'warn', error_code: 'ERR_VAULT_SEALED', consecutive_failures: 1 })
  })

  it('of a replacement near the longest life', async () => {
    const clock = new FakeClock()
    const { service, lines } = await startStatic({ clock })
    const rotation = service.rotate(fakeSource({ renewable: false }))
    await rotation.ready()
    await clock.advance(50_000)
    expect(lines.of('credential_replaced')).toMatchObject([{ reason: 'schedule', life_share: expect.any(Number) }])
    await service.close()
  })

  it('of SVIDs and bundles', async () => {
    const { service, lines } = await startStatic()
    publish(svidUpdated, { svidType: 'x509', spiffeId: subject, notBeforeMs: 0, notAfterMs: 60_000, share: 0.5 })
    publish(svidFetchFailed, {
      svidType: 'jwt',
      code: 'ERR_WORKLOAD_API_UNAVAILABLE',
      reason: 'away',
      cure: 'Look at it.',
    })
    publish(trustBundleUpdated, { bundleType: 'x509', trustDomains: ['neural-hive.local'], atWallMs: 1 })
    await service.close()
    expect(lines.of('svid_updated')).toMatchObject([
      {
        component: 'spiffe',
        reason: 'rotation',
        svid_type: 'x509',
        spiffe_id: subject,
        not_after: '1970-01-01T00:01:00.000Z',
      },
    ])
    expect(lines.of('svid_fetch_failed')).toMatchObject([
      { level: 'warn', reason: 'ERR_WORKLOAD_API_UNAVAILABLE', svid_type: 'jwt', cure: 'Look at it.' },
    ])
    expect(lines.of('trust_bundle_updated')).toMatchObject([{ trust_domains: ['neural-hive.local'] }])
  })

  it('of calls: refusals always, the rest at level debug', async () => {
    const call = { service: 's', method: '/registry.Registry/List', correlationId: 'c-42' }
    const tell = (): void => {
      publish(jwtSvidAttached, { ...call, audience: 'a', subject, expiresInSeconds: 30 })
      publish(jwtSvidValidated, { ...call, subject, expiresInSeconds: 30 })
      publish(jwtSvidRejected, { ...call, reason: 'token_expired', errorCode: 'ERR_SVID_EXPIRED' })
    }
    const quiet = await startStatic()
    tell()
    await quiet.service.close()
    const loud = await startStatic({ env: { CHAVEIRO_LOG_LEVEL: 'debug' } })
    tell()
    await loud.service.close()
    const rejected = {
      event: 'jwt_svid_rejected',
      level: 'warn',
      component: 'grpc',
      reason: 'token_expired',
      correlation_id: 'c-42',
    }
    expect(quiet.lines.all.filter(({ component }) => component === 'grpc')).toMatchObject([rejected])
    expect(loud.lines.all.filter(({ component }) => component === 'grpc')).toMatchObject([
      { event: 'jwt_svid_attached', level: 'debug', correlation_id: 'c-42', subject },
      { event: 'jwt_svid_validated', level: 'debug', correlation_id: 'c-42', subject },
      rejected,
    ])
  })

  it('of secrets that were read: the path, never keys or values', async () => {
    const { service, lines } = await startStatic()
    const secret = await service.secrets.read('orchestrator/kafka')
    expect(secret.get('password').expose()).toBe(planted.kv)
    await service.close()
    expect(lines.of('credential_fetched')).toMatchObject([
      { credential_type: 'kv', credential_name: 'orchestrator/kafka', source: 'static' },
    ])
  })

  it('of a configuration that cannot be used', async () => {
    const lines = new Lines()
    const env = { CHAVEIRO_SERVICE_NAME: 's', VAULT_ADDR: 'https://u:planted-in-url@h/', CHAVEIRO_NOPE: planted.token }
    await expect(VaultIntegration.start({ env, logStream: lines })).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION_UNKNOWN_KEY',
    })
    expect(lines.all).toMatchObject([
      {
        event: 'vault_initialization_failed',
        level: 'error',
        reason: 'configuration',
        error: { code: 'ERR_CONFIGURATION_UNKNOWN_KEY', cure: expect.any(String) },
      },
    ])
    expect(lines.texts.join('')).not.toContain('planted')
  })
})

describe('no secret in any output', () => {
  const jwt = `eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"sub":"planted"}').toString('base64url')}.c2lnbmF0dXJl`
  const pem = '-----BEGIN PRIVATE KEY-----\nplanted-key\n-----END PRIVATE KEY-----'

  it.each([
    { name: 'a Vault token', text: `invalid token ${planted.token}`, secret: planted.token },
    {
      name: 'a short Vault token',
      text: 'token s.abcdefghijklmnopqrstuvwx refused',
      secret: 's.abcdefghijklmnopqrstuvwx',
    },
    { name: 'a whole JWT', text: `cannot verify ${jwt}`, secret: jwt },
    { name: 'a key', text: `bad key ${pem}`, secret: 'planted-key' },
    { name: 'a password in a URL', text: 'postgresql://app:planted-url@db/x failed', secret: 'planted-url' },
    { name: 'a bearer token', text: 'sent Authorization: Bearer planted-bearer', secret: 'planted-bearer' },
    { name: 'a named password', text: 'password=planted-named in use', secret: 'planted-named' },
    { name: 'a quoted value', text: 'body {"token": "planted-quoted"}', secret: 'planted-quoted' },
    { name: 'a header', text: 'sent X-Vault-Token: planted-header', secret: 'planted-header' },
  ])('the text of a stranger with $name is written without it', async ({ text, secret }) => {
    const { service, lines } = await startStatic()
    const cause = Object.assign(new Error(text), { code: 'ERR_X', headers: { 'x-vault-token': secret } })
    publish(svidFetchFailed, { svidType: 'jwt', code: 'ERR_X', reason: text, cure: '' })
    await service.close()
    expect(lines.texts.join('')).not.toContain(secret)
    expect(lines.texts.join('')).toContain('[redacted]')
    expect(cause.message).toContain(secret)
  })

  it('and prose stays readable', async () => {
    const { service, lines } = await startStatic()
    const reason = 'error validating token: invalid audience (aud) claim; the password is wrong'
    publish(svidFetchFailed, { svidType: 'jwt', code: 'ERR_X', reason, cure: '' })
    await service.close()
    expect(lines.of('svid_fetch_failed')).toMatchObject([{ detail: reason }])
  })

  it('holds for log, metrics, rotations, health, page and every error of a whole life', async () => {
    let away: Error | undefined
    const clock = new FakeClock()
    const { service, lines, url } = await startStatic({ clock, env: { CHAVEIRO_LOG_LEVEL: 'debug' } })
    const rotation = service.rotate(fakeSource({ fail: () => away }))
    await rotation.ready()
    await service.secrets.read('orchestrator/kafka')
    away = new Error(`refused ${planted.token} ${planted.password}`, { cause: new Error(planted.token) })
    await clock.advance(120_000)
    const outputs = [await service.metrics(), JSON.stringify(service.report())]
    for (const path of ['/', '/metrics', '/rotations', '/healthz', '/readyz']) {
      outputs.push(await (await fetch(new URL(path, url))).text())
    }
    outputs.push(JSON.stringify(await service.renewAll()))
    const missing = await service.secrets.read('orchestrator/none').catch((error: Error) => error)
    outputs.push(String(missing), JSON.stringify(missing))
    await service.close()
    await settled()
    outputs.push(...lines.texts)
    for (const secret of Object.values(planted)) {
      expect(outputs.filter((output) => output.includes(secret))).toEqual([])
    }
  })
})
