import { describe, expect, it } from 'vitest'
import { judge, readFloors, readModule } from '../../tools/checks/floors.js'

const floors = readFloors('| 0 | `packages/rotation` | |\n| 1 | `packages/vault` | |\n| 1 | `packages/spiffe` | |\n')
const verdict = (...files: [string, string][]): string[] =>
  judge(
    files.map(([file, text]) => readModule(file, text)),
    floors,
  )

describe('floor check', () => {
  it.each([
    { name: 'a lower floor', file: 'packages/vault/src/a.ts', text: `import { Secret } from '@chaveiro/rotation'` },
    { name: 'a subpath door', file: 'packages/vault/src/a.ts', text: `import { F } from '@chaveiro/rotation/testing'` },
    { name: 'dev, loaded late', file: 'packages/vault/src/a.ts', text: `await import('@chaveiro/dev')` },
    { name: 'a type of dev', file: 'packages/vault/src/a.ts', text: `import type { Stack } from '@chaveiro/dev'` },
    { name: 'the clock file itself', file: 'packages/rotation/src/clock.ts', text: 'setTimeout(run, Date.now())' },
    { name: 'a date from a number', file: 'packages/vault/src/a.ts', text: 'new Date(0)' },
  ])('admits $name', ({ file, text }) => {
    expect(verdict([file, text])).toEqual([])
  })

  it.each([
    {
      name: 'upwards',
      text: `import { V } from '@chaveiro/vault'`,
      says: 'floor 0 (rotation) imports floor 1 (vault)',
    },
    { name: 'by path', text: `import { V } from '../../vault/src/kv.js'`, says: 'by path' },
    { name: 'dev, at load', text: `import { D } from '@chaveiro/dev'`, says: 'import() only' },
    { name: 'a timer', text: 'setTimeout(run, 5)', says: 'setTimeout' },
    { name: 'the time', text: 'const t = Date.now()', says: 'Date.now' },
    { name: 'the time as a date', text: 'const t = new Date()', says: 'new Date()' },
    {
      name: 'timers by import',
      text: `import { setTimeout } from 'node:timers/promises'`,
      says: 'node:timers/promises',
    },
    { name: 'a hidden timer', text: 'fetch(url, { signal: AbortSignal.timeout(5) })', says: 'AbortSignal.timeout' },
  ])('refuses $name', ({ text, says }) => {
    expect(verdict(['packages/rotation/src/a.ts', text])).toEqual([expect.stringContaining(says)])
  })

  it('refuses a way past the door', () => {
    const found = verdict(['packages/vault/src/a.ts', `import { C } from '@chaveiro/rotation/src/clock.js'`])
    expect(found).toEqual([expect.stringContaining('past the door')])
  })

  it('refuses a neighbour on the same floor', () => {
    expect(verdict(['packages/spiffe/src/a.ts', `import { V } from '@chaveiro/vault'`])).toHaveLength(1)
  })

  it('finds a circle of three files', () => {
    const found = verdict(
      ['packages/vault/src/a.ts', `import './b.js'`],
      ['packages/vault/src/b.ts', `import './c.js'`],
      ['packages/vault/src/c.ts', `import './a.js'`],
    )
    expect(found).toEqual([expect.stringMatching(/^circle: .*a\.ts -> .*b\.ts -> .*c\.ts -> .*a\.ts$/)])
  })
})
