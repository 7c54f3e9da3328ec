import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { appendAudit, auditFile, auditRecord, nodeSeal } from '@chaveiro/operations'
import { FakeClock } from '@chaveiro/rotation/testing'
import { describe, expect, it } from 'vitest'

const shamir = { type: 'shamir', initialized: true, sealed: true, t: 3, n: 5, progress: 1 }

describe('nodeSeal', () => {
  it.each([
    { name: 'a seal of key shares', body: shamir, state: 'sealed', says: '1 of 3 shares' },
    { name: 'an unsealed server', body: { ...shamir, sealed: false }, state: 'unsealed', says: 'unsealed' },
    { name: 'a server without data', body: { ...shamir, initialized: false }, state: 'uninitialized', says: 'never' },
    {
      name: 'a key server',
      body: { ...shamir, type: 'awskms' },
      state: 'auto',
      says: 'recovery keys, which unseal nothing',
    },
    { name: 'a key server of transit', body: { ...shamir, type: 'transit' }, state: 'auto', says: 'transit' },
    {
      name: 'a migration to a key server, half done (pain 15)',
      body: { ...shamir, type: 'awskms', migration: true },
      state: 'migration',
      says: 'begun and not finished',
    },
    {
      name: 'a migration away from a key server (pain 15)',
      body: { ...shamir, migration: true },
      state: 'migration',
      says: 'begun and not finished',
    },
  ])('tells $name', ({ body, state, says }) => {
    const seal = nodeSeal('https://vault-0:8200', body)
    expect(seal).toMatchObject({ state, address: 'https://vault-0:8200', threshold: 3 })
    expect(seal.explanation).toContain(says)
    expect(seal.cure === '').toBe(state === 'unsealed')
  })
})

describe('the audit record', () => {
  it('says who did what, when, with which outcome', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaveiro-audit-'))
    try {
      const file = auditFile({ XDG_STATE_HOME: folder })
      const clock = new FakeClock({ wallMs: Date.UTC(2026, 0, 1) })
      const what = { command: 'emergency unseal', targets: ['https://v'], dry_run: false, details: [] } as const
      await appendAudit(file, auditRecord({ ...what, outcome: 'begun' }, { SUDO_USER: 'ana' }, clock))
      await appendAudit(file, auditRecord({ ...what, outcome: 'done' }, {}, clock))
      const lines = (await readFile(file, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(lines).toMatchObject([
        { at: '2026-01-01T00:00:00.000Z', sudo_user: 'ana', outcome: 'begun', command: 'emergency unseal' },
        { sudo_user: null, outcome: 'done', targets: ['https://v'] },
      ])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
