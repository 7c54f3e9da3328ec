import { WorkloadApiClient, WorkloadApiError } from '@chaveiro/spiffe'
import { describe, expect, it } from 'vitest'

function addressOf(options: ConstructorParameters<typeof WorkloadApiClient>[0]): string {
  return new WorkloadApiClient({ env: {}, ...options }).endpoint
}

function refusal(options: ConstructorParameters<typeof WorkloadApiClient>[0]): WorkloadApiError {
  try {
    new WorkloadApiClient({ env: {}, ...options })
  } catch (error) {
    if (error instanceof WorkloadApiError) return error
    throw error
  }
  throw new Error('the address was accepted')
}

describe('WLE-4-a: explicit configuration, then SPIFFE_ENDPOINT_SOCKET', () => {
  const env = { SPIFFE_ENDPOINT_SOCKET: 'unix:///from/variable.sock' }

  it('the explicit address comes first', () => {
    expect(addressOf({ endpoint: 'unix:///explicit.sock', env })).toBe('unix:///explicit.sock')
  })

  it('the variable comes second', () => {
    expect(addressOf({ env })).toBe('unix:///from/variable.sock')
  })

  it.each([{}, { SPIFFE_ENDPOINT_SOCKET: '' }])('neither is an error that names the variable: %j', (none) => {
    const { code, message, cure } = refusal({ env: none })
    expect(code).toBe('ERR_WORKLOAD_API_BAD_ENDPOINT')
    expect(message).toContain('SPIFFE_ENDPOINT_SOCKET')
    expect(cure).toContain('unix:///')
  })
})

describe('addresses that obey the specification', () => {
  it.each([
    ['WLE-4-b: the scheme in any case', 'UNIX:///run/a.sock', 'unix:///run/a.sock'],
    ['WLE-4-c: unix with an empty authority', 'unix:///run/a.sock', 'unix:///run/a.sock'],
    ['WLE-4-c: unix without an authority', 'unix:/run/a.sock', 'unix:///run/a.sock'],
    ['WLE-4-d: tcp with IPv4', 'tcp://127.0.0.1:8081', 'tcp://127.0.0.1:8081'],
    ['WLE-4-d: tcp with IPv6 in brackets', 'tcp://[::1]:8081', 'tcp://[::1]:8081'],
  ])('%s', (_rule, endpoint, want) => {
    expect(addressOf({ endpoint })).toBe(want)
  })
})

describe('addresses that break the specification', () => {
  it.each([
    ['WLE-4-b: no scheme', '/run/a.sock'],
    ['WLE-4-b: another scheme', 'http://127.0.0.1:80'],
    ['WLE-4-b: another scheme', 'npipe:spire'],
    ['WLE-4-c: an authority', 'unix://run/a.sock'],
    ['WLE-4-c: a relative path', 'unix:a.sock'],
    ['WLE-4-c: no path', 'unix://'],
    ['WLE-4-c: the root as path', 'unix:///'],
    ['WLE-4-c: a query', 'unix:///a.sock?x=1'],
    ['WLE-4-c: an empty fragment', 'unix:///a.sock#'],
    ['WLE-4-d: a host name', 'tcp://localhost:8081'],
    ['WLE-4-d: no port', 'tcp://127.0.0.1'],
    ['WLE-4-d: no port after the colon', 'tcp://127.0.0.1:'],
    ['WLE-4-d: port 0', 'tcp://127.0.0.1:0'],
    ['WLE-4-d: port above 65535', 'tcp://127.0.0.1:65536'],
    ['WLE-4-d: a trailing slash', 'tcp://127.0.0.1:8081/'],
    ['WLE-4-d: a path', 'tcp://127.0.0.1:8081/a'],
    ['WLE-4-d: user info', 'tcp://me@127.0.0.1:8081'],
    ['WLE-4-d: IPv6 without brackets', 'tcp://::1:8081'],
    ['WLE-4-d: IPv4 in brackets', 'tcp://[127.0.0.1]:8081'],
    ['WLE-4-d: no slashes', 'tcp:127.0.0.1:8081'],
  ])('%s: %s', (_rule, endpoint) => {
    expect(refusal({ endpoint }).code).toBe('ERR_WORKLOAD_API_BAD_ENDPOINT')
  })

  it('WLE-4-b: the error shows both forms', () => {
    expect(refusal({ endpoint: 'http://x' }).cure).toMatch(/unix:\/\/\/.*tcp:\/\//)
  })

  it('WLE-4-c: the common slip is named, with the right form', () => {
    expect(refusal({ endpoint: 'unix://run/a.sock' }).cure).toContain('unix:///run/a.sock')
  })
})

describe('WLE-3-a: TCP only to loopback unless named', () => {
  it('refuses an address on the network', () => {
    expect(refusal({ endpoint: 'tcp://10.0.0.7:8081' }).cure).toContain('allowRemoteTcp')
  })

  it('accepts it when told that the network authenticates', () => {
    expect(addressOf({ endpoint: 'tcp://10.0.0.7:8081', allowRemoteTcp: true })).toBe('tcp://10.0.0.7:8081')
  })
})

it.each([{ timeoutMs: 0 }, { firstMessageTimeoutMs: Number.NaN }])('refuses the bound %j', (bound) => {
  expect(() => new WorkloadApiClient({ endpoint: 'unix:///a.sock', ...bound })).toThrow(RangeError)
})
