import { describe, expect, it } from 'vitest'
import { describeChange, type Field, type FieldType, meaning, sameMeaning } from '../src/plan/field.js'
import { policyDifferences, policyWidens, samePolicy } from '../src/plan/policy-tree.js'

describe('a field means the same', () => {
  it.each<{ name: string; type: FieldType; wanted: unknown; live: unknown }>([
    { name: 'seconds as Go writes them', type: 'seconds', wanted: 3600, live: '1h0m0s' },
    { name: 'seconds as text', type: 'seconds', wanted: 3600, live: '3600' },
    { name: 'minutes', type: 'seconds', wanted: 3600, live: '60m' },
    { name: 'no duration and 0', type: 'seconds', wanted: 0, live: undefined },
    { name: 'a set in another order', type: 'set', wanted: ['a', 'b'], live: ['b', 'a', 'a'] },
    { name: 'an empty set and nothing', type: 'set', wanted: [], live: null },
    { name: 'a set of one, told as text', type: 'set', wanted: ['a'], live: 'a' },
    { name: 'an empty text and nothing', type: 'text', wanted: '', live: undefined },
    { name: 'a text with a line end', type: 'text', wanted: 'pem', live: 'pem\n' },
    { name: 'false and nothing', type: 'boolean', wanted: false, live: null },
    { name: 'a map in another order', type: 'map', wanted: { a: 1, b: [2] }, live: { b: [2], a: 1 } },
  ])('$name', ({ type, wanted, live }) => {
    expect(sameMeaning({ type, value: wanted }, live)).toBe(true)
  })

  it.each<{ name: string; type: FieldType; wanted: unknown; live: unknown }>([
    { name: 'another duration', type: 'seconds', wanted: 3600, live: '2h' },
    { name: 'a larger set', type: 'set', wanted: ['a'], live: ['a', 'b'] },
    { name: 'a list in another order', type: 'list', wanted: ['a', 'b'], live: ['b', 'a'] },
    { name: 'true where nothing was said', type: 'boolean', wanted: false, live: true },
    { name: 'a key that is not there', type: 'key', wanted: 'from $X', live: undefined },
  ])('not for $name', ({ type, wanted, live }) => {
    expect(sameMeaning({ type, value: wanted }, live)).toBe(false)
  })

  it('shows durations as people write them', () => {
    expect(describeChange('ttl', { type: 'seconds', value: 5400 }, 90)).toEqual([
      { name: 'ttl', before: '1m30s', after: '1h30m' },
    ])
  })

  it('never shows what is hidden', () => {
    const field: Field = { type: 'hidden', value: 'wanted-value' }
    expect(JSON.stringify(describeChange('username', field, 'live-value'))).not.toMatch(/wanted-value|live-value/)
    expect(meaning('hidden', 'a')).not.toBe(meaning('hidden', 'b'))
  })
})

describe('a policy', () => {
  const policy = 'path "secret/data/a/*" {\n  capabilities = ["read", "list"]\n}\n'

  it.each([
    { name: 'another order of capabilities', other: 'path "secret/data/a/*" { capabilities = ["list","read"] }' },
    { name: 'a comment', other: `# mark\n// more\n/* and\nmore */${policy}` },
    { name: 'JSON', other: '{"path":{"secret/data/a/*":{"capabilities":["read","list"]}}}' },
    { name: 'a leading slash', other: policy.replace('"secret', '"/secret') },
    { name: 'a trailing comma', other: policy.replace('"list"]', '"list",]') },
  ])('grants the same with $name', ({ other }) => {
    expect(samePolicy(policy, other)).toBe(true)
  })

  it.each([
    { name: 'one more capability', other: policy.replace('"list"', '"list", "sudo"'), widens: true },
    { name: 'one more path', other: `${policy}path "x" { capabilities = ["read"] }`, widens: true },
    { name: 'fewer capabilities', other: policy.replace(', "list"', ''), widens: false },
    { name: 'other parameters', other: policy.replace(']\n', ']\n  required_parameters = ["x"]\n'), widens: true },
    { name: 'text that is no HCL', other: 'path "x" {', widens: true },
  ])('is another with $name', ({ other, widens }) => {
    expect(samePolicy(policy, other)).toBe(false)
    expect(policyWidens(policy, other)).toBe(widens)
  })

  it('is told path by path where it differs', () => {
    expect(policyDifferences(policy, policy.replace(', "list"', ''))).toEqual([
      { name: 'secret/data/a/*', before: '[list, read]', after: '[read]' },
    ])
  })
})
