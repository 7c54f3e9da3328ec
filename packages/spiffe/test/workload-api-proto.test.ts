import { methodDefinition } from '@chaveiro/spiffe/grpc-definition'
import { file_workload, SpiffeWorkloadAPI } from '@chaveiro/spiffe/workload-api-proto'
import { describe, expect, it } from 'vitest'

describe('WLE-7-a: the Workload API, and nothing else', () => {
  it('is one service without a package', () => {
    expect(file_workload.services.map(({ typeName }) => typeName)).toEqual(['SpiffeWorkloadAPI'])
  })

  it.each([
    ['FetchX509SVID', 'server_streaming'],
    ['FetchX509Bundles', 'server_streaming'],
    ['FetchJWTSVID', 'unary'],
    ['FetchJWTBundles', 'server_streaming'],
    ['ValidateJWTSVID', 'unary'],
    ['FetchWITSVID', 'server_streaming'],
    ['FetchWITBundles', 'server_streaming'],
  ])('%s is %s', (name, kind) => {
    const method = SpiffeWorkloadAPI.methods.find((each) => each.name === name)
    if (!method) throw new Error(`${name} is missing`)
    expect(method.methodKind).toBe(kind)
    expect(methodDefinition(method)).toMatchObject({
      path: `/SpiffeWorkloadAPI/${name}`,
      requestStream: false,
      responseStream: kind === 'server_streaming',
    })
  })

  it('has no further method', () => {
    expect(SpiffeWorkloadAPI.methods).toHaveLength(7)
  })

  it.each([
    ['X509SVIDRequest', {}],
    ['X509SVIDResponse', { svids: 1, crl: 2, federated_bundles: 3 }],
    ['X509SVID', { spiffe_id: 1, x509_svid: 2, x509_svid_key: 3, bundle: 4, hint: 5 }],
    ['X509BundlesRequest', {}],
    ['X509BundlesResponse', { crl: 1, bundles: 2 }],
    ['JWTSVIDRequest', { audience: 1, spiffe_id: 2 }],
    ['JWTSVIDResponse', { svids: 1 }],
    ['JWTSVID', { spiffe_id: 1, svid: 2, hint: 3 }],
    ['JWTBundlesRequest', {}],
    ['JWTBundlesResponse', { bundles: 1 }],
    ['ValidateJWTSVIDRequest', { audience: 1, svid: 2 }],
    ['ValidateJWTSVIDResponse', { spiffe_id: 1, claims: 2 }],
    ['WITSVIDRequest', { spiffe_id: 1 }],
    ['WITSVIDResponse', { svids: 1 }],
    ['WITSVID', { spiffe_id: 1, wit_svid: 2, wit_svid_key: 3, hint: 4 }],
    ['WITBundlesRequest', {}],
    ['WITBundlesResponse', { bundles: 1 }],
  ])('%s has the fields %j', (name, fields) => {
    const message = file_workload.messages.find((each) => each.typeName === name)
    expect(Object.fromEntries(message?.fields.map(({ name: field, number }) => [field, number]) ?? [])).toEqual(fields)
  })
})
