import { decidingRules, grantedBy, rulesOf } from '@chaveiro/operations'
import { describe, expect, it } from 'vitest'

const rules = (paths: readonly string[]) =>
  rulesOf('p', paths.map((path, index) => `path "${path}" {\n  capabilities = ["read${index}"]\n}`).join('\n'))

describe('decidingRules', () => {
  it.each([
    { name: 'an exact path above a prefix', paths: ['secret/*', 'secret/a'], path: 'secret/a', best: 'secret/a' },
    { name: 'the longer prefix', paths: ['secret/*', 'secret/data/*'], path: 'secret/data/a', best: 'secret/data/*' },
    {
      name: 'the later wildcard',
      paths: ['secret/+/+/a', 'secret/data/+/a'],
      path: 'secret/data/x/a',
      best: 'secret/data/+/a',
    },
    {
      name: 'one that does not end in a star',
      paths: ['secret/+/a', 'secret/+/*'],
      path: 'secret/x/a',
      best: 'secret/+/a',
    },
    { name: 'fewer plus signs', paths: ['secret/+/+/a', 'secret/+/b/a'], path: 'secret/x/b/a', best: 'secret/+/b/a' },
    { name: 'no more than one segment for a plus sign', paths: ['secret/+'], path: 'secret/a/b', best: undefined },
    { name: 'nothing of dots but dots', paths: ['secret/a.b'], path: 'secret/axb', best: undefined },
  ])('takes $name', ({ paths, path, best }) => {
    expect(decidingRules(rules(paths), path)[0]?.path).toBe(best)
  })

  it('adds up what policies grant at one path, and lets deny win', () => {
    const one = rulesOf('one', 'path "a" {\n  capabilities = ["read"]\n}')
    const two = rulesOf('two', '# first\npath "a" {\n  capabilities = ["list"]\n}')
    const deny = rulesOf('deny', 'path "a" {\n  capabilities = ["deny"]\n}')
    expect(grantedBy(decidingRules([...one, ...two], 'a'))).toEqual(['list', 'read'])
    expect(grantedBy(decidingRules([...one, ...two, ...deny], 'a'))).toEqual([])
    expect(two).toMatchObject([{ policy: 'two', line: 2 }])
  })
})
