import { Secret } from '@chaveiro/rotation'
import { classifyVaultError, VaultClient, VaultError } from '@chaveiro/vault'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { json, LoopbackServer } from './loopback-server.js'

let server: LoopbackServer
let client: VaultClient

beforeAll(async () => {
  server = await LoopbackServer.start(json(200, {}))
  client = new VaultClient({ address: server.address, token: () => new Secret('hvs.planted-token') })
})

afterAll(async () => {
  await client.close()
  await server[Symbol.asyncDispose]()
})

async function failure(operation: string, body: Record<string, unknown> = {}): Promise<VaultError> {
  return client.request({ method: 'POST', path: 'a/b', operation, body }).catch((error) => error)
}

const list = (...texts: string[]): string =>
  `${texts.length} errors occurred:\n${texts.map((t) => `\t* ${t}\n`).join('')}\n`

/** Texts as Vault 1.21.1 sends them. */
describe('what an answer means', () => {
  it.each([
    { status: 503, text: 'Vault is sealed', type: 'SealedError', code: 'ERR_VAULT_SEALED', kind: 'unavailable' },
    {
      status: 400,
      text: 'Vault is not initialized',
      type: 'UninitializedError',
      code: 'ERR_VAULT_UNINITIALIZED',
      kind: 'unavailable',
    },
    {
      status: 500,
      text: 'local node not active but active cluster node not found',
      type: 'StandbyError',
      code: 'ERR_VAULT_STANDBY',
      kind: 'unavailable',
    },
    {
      status: 412,
      text: 'required index state not present',
      type: 'StandbyError',
      code: 'ERR_VAULT_STANDBY',
      kind: 'unavailable',
    },
    { status: 473, text: '', type: 'StandbyError', code: 'ERR_VAULT_STANDBY', kind: 'unavailable' },
    {
      status: 429,
      text: 'rate limit quota exceeded',
      type: 'RateLimitedError',
      code: 'ERR_VAULT_RATE_LIMITED',
      kind: 'unavailable',
    },
    {
      status: 403,
      text: list('permission denied'),
      type: 'PermissionDeniedError',
      code: 'ERR_VAULT_PERMISSION_DENIED',
      kind: 'unauthorized',
    },
    {
      status: 403,
      text: list('permission denied', 'invalid token'),
      type: 'PermissionDeniedError',
      code: 'ERR_VAULT_TOKEN_INVALID',
      kind: 'unauthorized',
    },
    {
      status: 403,
      text: 'permission denied',
      type: 'PermissionDeniedError',
      code: 'ERR_VAULT_TOKEN_INVALID',
      kind: 'unauthorized',
    },
    {
      status: 404,
      text: 'no handler for route "x". route entry not found.',
      type: 'NotFoundError',
      code: 'ERR_VAULT_NOT_FOUND',
      kind: 'refused',
    },
    {
      status: 405,
      text: list('unsupported operation'),
      type: 'InvalidRequestError',
      code: 'ERR_VAULT_INVALID_REQUEST',
      kind: 'refused',
    },
    { status: 400, text: 'lease not found', type: 'LeaseNotFoundError', code: 'ERR_VAULT_LEASE_GONE', kind: 'gone' },
    { status: 400, text: 'invalid lease', type: 'LeaseNotFoundError', code: 'ERR_VAULT_LEASE_GONE', kind: 'gone' },
    { status: 400, text: 'lease expired', type: 'LeaseNotFoundError', code: 'ERR_VAULT_LEASE_GONE', kind: 'gone' },
    {
      status: 400,
      text: 'lease is not renewable',
      type: 'InvalidRequestError',
      code: 'ERR_VAULT_LEASE_NOT_RENEWABLE',
      kind: 'gone',
    },
    {
      status: 400,
      text: 'batch tokens cannot be renewed',
      type: 'InvalidRequestError',
      code: 'ERR_VAULT_LEASE_NOT_RENEWABLE',
      kind: 'gone',
    },
    {
      status: 400,
      text: `failed to renew entry: resp: (*logical.Response)(nil) err: ${list('failed to connect to `host=127.0.0.1`: connection refused')}`,
      type: 'BackendUnavailableError',
      code: 'ERR_VAULT_BACKEND_UNAVAILABLE',
      kind: 'unavailable',
    },
    {
      status: 400,
      text: 'failed to revoke entry: resp: nil err: lease not found',
      type: 'BackendUnavailableError',
      code: 'ERR_VAULT_BACKEND_UNAVAILABLE',
      kind: 'unavailable',
    },
    {
      status: 400,
      text: 'check-and-set parameter did not match the current version',
      type: 'CasMismatchError',
      code: 'ERR_VAULT_CAS_MISMATCH',
      kind: 'refused',
    },
    {
      status: 400,
      text: 'path is already in use at secret/',
      type: 'InvalidRequestError',
      code: 'ERR_VAULT_INVALID_REQUEST',
      kind: 'refused',
    },
    {
      status: 500,
      text: list('unable to start transaction: failed to connect'),
      type: 'BackendUnavailableError',
      code: 'ERR_VAULT_BACKEND_UNAVAILABLE',
      kind: 'unavailable',
    },
    {
      status: 500,
      text: list('"app" is not an allowed role'),
      type: 'InvalidRequestError',
      code: 'ERR_VAULT_INVALID_REQUEST',
      kind: 'refused',
    },
    {
      status: 502,
      text: 'upstream',
      type: 'BackendUnavailableError',
      code: 'ERR_VAULT_BACKEND_UNAVAILABLE',
      kind: 'unavailable',
    },
  ])('$status $text: $code', async ({ status, text, type, code, kind }) => {
    server.answer = json(status, { errors: text ? [text] : [] })
    const error = await failure('any')
    expect(error).toMatchObject({ name: type, code, status, operation: 'any', path: 'a/b' })
    expect(error).toBeInstanceOf(VaultError)
    expect(error.cure).not.toBe('')
    expect(error.message).not.toMatch(/occurred:|\n|\t/)
    expect(classifyVaultError(error).kind).toBe(kind)
  })

  it.each([
    { status: 400, text: 'role "nobody" could not be found', code: 'ERR_VAULT_LOGIN_FAILED', kind: 'refused' },
    {
      status: 400,
      text: 'error validating token: invalid audience (aud) claim',
      code: 'ERR_VAULT_LOGIN_FAILED',
      kind: 'refused',
    },
    { status: 403, text: 'permission denied', code: 'ERR_VAULT_LOGIN_FAILED', kind: 'refused' },
    {
      status: 400,
      text: 'error validating token: fetching keys oidc: get keys failed: 500',
      code: 'ERR_VAULT_BACKEND_UNAVAILABLE',
      kind: 'unavailable',
    },
    { status: 503, text: 'Vault is sealed', code: 'ERR_VAULT_SEALED', kind: 'unavailable' },
    { status: 429, text: '', code: 'ERR_VAULT_RATE_LIMITED', kind: 'unavailable' },
  ])('at a login, $status $text: $code', async ({ status, text, code, kind }) => {
    server.answer = json(status, { errors: [text] })
    const error = await failure('login')
    expect(error.code).toBe(code)
    expect(classifyVaultError(error).kind).toBe(kind)
  })

  it('keeps how long to stay away, and Vault’s id of the request', async () => {
    server.answer = json(429, { request_id: 'r-7', errors: [] }, { 'retry-after': '12' })
    const error = await failure('any')
    expect(error).toMatchObject({ retryAfterMs: 12_000, requestId: 'r-7' })
    expect(classifyVaultError(error)).toEqual({ kind: 'unavailable', retryAfterMs: 12_000 })
  })

  it('repeats no secret, even when the server does', async () => {
    server.answer = (asked, response) =>
      void response
        .writeHead(400)
        .end(JSON.stringify({ errors: [`bad: ${asked.body} ${asked.headers['x-vault-token']}`] }))
    const body = {
      jwt: 'planted.jwt.value',
      data: { deep: [{ secret: 'planted-secret' }] },
      password: 'planted-password',
    }
    const error = await failure('login', body)
    const shown = [error.message, error.stack, error.cure, JSON.stringify(error), String(error.cause)].join()
    expect(shown).toContain('[redacted]')
    expect(shown).not.toContain('planted')
  })

  it('a lost answer is told to the engine', async () => {
    server.answer = (_, __, request) => void request.socket.destroy()
    expect(classifyVaultError(await failure('any'))).toEqual({ kind: 'unavailable', lost: true })
  })

  it('what is not Vault’s is taken for unavailable', () => {
    expect(classifyVaultError(new Error('the agent is away'))).toEqual({ kind: 'unavailable' })
  })
})
