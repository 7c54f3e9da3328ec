import { exitCodeFor, IntegrationError } from '@chaveiro/integration'
import { describe, expect, it } from 'vitest'

const failure = (code: string, cause?: unknown): Error => Object.assign(new Error('x', { cause }), { code })

describe('the exit code of an error', () => {
  it.each([
    ['ERR_CONFIGURATION_MISSING', 2],
    ['ERR_MANIFEST_INVALID', 2],
    ['ERR_USAGE', 2],
    ['ERR_WORKLOAD_API_BAD_ENDPOINT', 2],
    ['ERR_INTEGRATION_ADMIN_ADDRESS_IN_USE', 2],
    ['ERR_INTEGRATION_STATIC_SECRET_MISSING', 2],
    ['ERR_VAULT_SEALED', 3],
    ['ERR_VAULT_UNREACHABLE', 3],
    ['ERR_VAULT_TIMEOUT', 3],
    ['ERR_VAULT_BACKEND_UNAVAILABLE', 3],
    ['ERR_VAULT_UNINITIALIZED', 3],
    ['ERR_WORKLOAD_API_SOCKET_MISSING', 3],
    ['ERR_WORKLOAD_API_SOCKET_REFUSED', 3],
    ['ERR_WORKLOAD_API_UNAVAILABLE', 3],
    ['ECONNREFUSED', 3],
    ['57P03', 3],
    ['ERR_VAULT_PERMISSION_DENIED', 4],
    ['ERR_VAULT_LOGIN_FAILED', 4],
    ['ERR_WORKLOAD_API_SOCKET_DENIED', 4],
    ['ERR_WORKLOAD_API_NO_IDENTITY', 4],
    ['28P01', 4],
    ['ERR_SVID_EXPIRED', 1],
  ])('%s: %d', (code, want) => {
    expect(exitCodeFor(failure(code))).toBe(want)
    expect(exitCodeFor(new Error('around', { cause: new Error('around', { cause: failure(code) }) }))).toBe(want)
  })

  it('is that of the outermost error whose meaning is known', () => {
    expect(exitCodeFor(failure('ERR_VAULT_LOGIN_FAILED', failure('ECONNREFUSED')))).toBe(4)
  })

  it('of a start that failed is that of its cause', () => {
    const start = new IntegrationError('ERR_INTEGRATION_START_TIMEOUT', 'x', {
      cure: '',
      cause: failure('ERR_VAULT_SEALED'),
    })
    expect(exitCodeFor(start)).toBe(3)
  })

  it.each([undefined, null, 'text', new Error('plain'), failure('__proto__')])('of %s is 1', (error) => {
    expect(exitCodeFor(error)).toBe(1)
  })

  it('of a circle of causes is 1', () => {
    const error = new Error('x')
    error.cause = error
    expect(exitCodeFor(error)).toBe(1)
  })
})
