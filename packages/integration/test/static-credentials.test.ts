import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { authorizeTrustDomain, TrustDomain } from '@chaveiro/spiffe'
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  Metadata,
  Server,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planted, startStatic } from './service.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chaveiro-static-'))
  mkdirSync(join(folder, 'worker/queue'), { recursive: true })
  writeFileSync(join(folder, 'worker/queue/password'), `${planted.kv}\n`)
  writeFileSync(join(folder, 'worker/queue/..data'), 'not a key')
  writeFileSync(join(folder, 'peer-token'), planted.peerToken)
  writeFileSync(join(folder, 'outside'), 'outside')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('secrets when Vault is off', () => {
  it.each<{ name: string; env: Record<string, string>; path: string; want: Record<string, string> }>([
    {
      name: 'from a variable',
      env: { CHAVEIRO_STATIC_SECRET__WORKER__MONGO_DB__URI: 'u' },
      path: 'worker/mongo-db',
      want: { uri: 'u' },
    },
    {
      name: 'not from a variable of a path below it',
      env: { CHAVEIRO_STATIC_SECRET__A__B__C: 'deep', CHAVEIRO_STATIC_SECRET__A__K: 'here' },
      path: 'a',
      want: { k: 'here' },
    },
  ])('$name', async ({ env, path, want }) => {
    await using running = await startStatic({ env })
    const secret = await running.service.secrets.read(path)
    expect(Object.fromEntries(secret.keys.map((key) => [key, secret.get(key).expose()]))).toEqual(want)
    expect(secret.version).toBeUndefined()
  })

  it('from a folder, a variable before a file', async () => {
    await using running = await startStatic({
      env: { CHAVEIRO_STATIC_SECRETS_FOLDER: folder, CHAVEIRO_STATIC_SECRET__WORKER__QUEUE__USER: 'u' },
    })
    const secret = await running.service.secrets.read('worker/queue')
    expect(secret.keys.toSorted()).toEqual(['password', 'user'])
    expect(secret.get('password').expose()).toBe(planted.kv)
    expect(() => secret.get('absent')).toThrow(expect.objectContaining({ code: 'ERR_INTEGRATION_SECRET_KEY_MISSING' }))
  })

  it('a path never leads out of the folder', async () => {
    await using running = await startStatic({ env: { CHAVEIRO_STATIC_SECRETS_FOLDER: join(folder, 'worker') } })
    await expect(running.service.secrets.read('..')).rejects.toMatchObject({
      code: 'ERR_INTEGRATION_STATIC_SECRET_MISSING',
    })
  })

  it('a secret that nothing stands in for names the variable that would', async () => {
    await using running = await startStatic()
    await expect(running.service.secrets.read('orchestrator/redis')).rejects.toMatchObject({
      code: 'ERR_INTEGRATION_STATIC_SECRET_MISSING',
      cure: expect.stringContaining('CHAVEIRO_STATIC_SECRET__ORCHESTRATOR__REDIS__<KEY>'),
    })
  })

  it.each(['pool', 'vault', 'identity'] as const)('%s is refused with a cure, not undefined', async (part) => {
    await using running = await startStatic()
    expect(() => running.service[part]).toThrow(expect.objectContaining({ code: 'ERR_INTEGRATION_NOT_CONFIGURED' }))
  })
})

describe('calls between peers when SPIFFE is off', () => {
  const method = {
    path: '/test.Echo/Say',
    requestStream: false,
    responseStream: false,
    requestSerialize: (text: string) => Buffer.from(text),
    requestDeserialize: (bytes: Buffer) => bytes.toString(),
    responseSerialize: (text: string) => Buffer.from(text),
    responseDeserialize: (bytes: Buffer) => bytes.toString(),
  } as const
  const admitted = authorizeTrustDomain(TrustDomain.parse('neural-hive.local'))

  function say(address: string, credentials: ChannelCredentials, options: ClientOptions): Promise<string> {
    return new Promise((resolve, reject) => {
      const client = new Client(address, credentials, options)
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        'hello',
        new Metadata(),
        { deadline: new Date(Date.now() + 5000) },
        (error: ServiceError | null, answer?: string) => {
          client.close()
          if (error) reject(error)
          else resolve(answer ?? '')
        },
      )
    })
  }
  it('are let in with the shared token, refused without it or with another, and counted', async () => {
    await using running = await startStatic({ env: { CHAVEIRO_STATIC_PEER_TOKEN_FILE: join(folder, 'peer-token') } })
    const { calls } = running.service
    const seen: unknown[] = []
    const server = new Server({ interceptors: [calls.serverInterceptor({ policy: {} })] })
    server.addService(
      { Say: method },
      {
        Say: (
          { metadata, request }: { metadata: Metadata; request: string },
          answer: (error: null, text: string) => void,
        ) => {
          seen.push(metadata.get('authorization'))
          answer(null, request)
        },
      },
    )
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', calls.serverCredentials(admitted), (error, bound) =>
        error ? reject(error) : resolve(bound),
      )
    })
    const credentials = calls.channelCredentials(admitted)
    const address = `127.0.0.1:${port}`
    expect(await say(address, credentials, calls.clientOptions({ audience: 'echo' }))).toBe('hello')
    await expect(say(address, credentials, {})).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
    server.forceShutdown()
    // The token is not handed on to the handler.
    expect(seen).toEqual([[]])
    const metrics = await running.service.metrics()
    expect(metrics).toMatch(/grpc_jwt_auth_attempts_total\{.*status="fallback"\} 1/)
    expect(metrics).toMatch(/grpc_jwt_auth_failures_total\{.*reason="token_missing"\} 1/)
    expect(running.lines.texts.join('')).not.toContain(planted.peerToken)
  })

  it('cannot be had without a token', async () => {
    await using running = await startStatic()
    const { calls } = running.service
    for (const make of [
      () => calls.clientOptions({ audience: 'echo' }),
      () => calls.serverInterceptor({ policy: {} }),
    ]) {
      expect(make).toThrow(
        expect.objectContaining({
          code: 'ERR_INTEGRATION_NOT_CONFIGURED',
          cure: expect.stringContaining('CHAVEIRO_STATIC_PEER_TOKEN_FILE'),
        }),
      )
    }
  })
})
