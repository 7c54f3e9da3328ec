import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RealVault } from '@chaveiro/dev'
import { sleep, systemClock } from '@chaveiro/rotation'
import { VaultClient } from '@chaveiro/vault'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Ran, run } from '../../packages/cli/test/terminal.js'
import { describeReal } from '../support/real.js'

for (const storage of ['raft', 'file'] as const) {
  describeReal(`emergency unseal of a 3-of-5 Vault on ${storage} storage`, ['vault'], () => {
    let server: RealVault
    let client: VaultClient
    let folder: string
    let shares: string[]

    beforeAll(async () => {
      server = await RealVault.start({ storage, keyShares: 5, keyThreshold: 3 })
      client = new VaultClient({ address: server.address, token: () => server.rootToken })
      folder = await mkdtemp(join(tmpdir(), 'chaveiro-emergency-'))
      shares = server.unsealKeys.map((key) => key.expose())
    })

    afterAll(async () => {
      await client?.close()
      await server?.close()
      if (folder) await rm(folder, { recursive: true, force: true })
    })

    beforeEach(async () => {
      await sealAgain()
      await client.sys.resetUnseal()
    })

    /** A raft node that was just unsealed elects itself first; only the active one can be sealed. */
    async function sealAgain(): Promise<void> {
      for (;;) {
        const { role } = await client.sys.health()
        if (role === 'sealed') return
        if (role === 'active') return client.sys.seal()
        await sleep(systemClock, 50)
      }
    }

    const audit = () => join(folder, 'audit.jsonl')
    const records = async () =>
      (await readFile(audit(), 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { outcome: string; user: string; details: string[]; dry_run: boolean })

    async function emergency(args: string[], stdin: readonly string[] = []): Promise<Ran> {
      const env = { VAULT_ADDR: server.address, CHAVEIRO_AUDIT_FILE: audit() }
      const ran = await run(['emergency', 'unseal', ...args], { stdin: stdin.join('\n'), env })
      const everything = ran.stdout + ran.stderr + (await readFile(audit(), 'utf8'))
      for (const share of [...shares, ...stdin]) expect(everything).not.toContain(share)
      return ran
    }

    const sealed = async (): Promise<boolean> => (await client.sys.sealStatus()).sealed

    it('unseals with three shares, once, and records it', async () => {
      const ran = await emergency(['--shares-fd', '0'], shares.slice(1, 4))
      expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('done') })
      expect(await sealed()).toBe(false)
      expect((await records()).at(-1)).toMatchObject({
        outcome: 'done',
        dry_run: false,
        user: expect.stringMatching(/./),
      })
      expect((await stat(audit())).mode & 0o777).toBe(0o600)
    })

    it('is what validate asks for when Vault is sealed, with exit code 3 (pain 13)', async () => {
      const env = { VAULT_ADDR: server.address }
      const ran = await run(['validate', '-f', 'examples/chaveiro.yaml', '--only', 'vault'], { env })
      expect(ran.code).toBe(3)
      expect(ran.stdout).toContain('✗ CHV0103')
      expect(ran.stdout).toContain('0 of 3 shares given')
      expect(ran.stdout).toContain('chaveiro emergency unseal')
    })

    it('shows the seal and changes nothing with --dry-run', async () => {
      const ran = await emergency(['--dry-run'])
      expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('needs 3 of 5 shares') })
      expect(await sealed()).toBe(true)
      expect((await records()).at(-1)).toMatchObject({ dry_run: true })
    })

    it('explains a repeated share, and counts it once', async () => {
      const [first = '', second = '', third = ''] = shares
      const ran = await emergency(['--shares-fd', '0'], [first, first, second, third])
      expect(ran.code).toBe(0)
      expect(ran.stderr).toContain('was given already')
    })

    it('explains a share that another holder gave before', async () => {
      const [first, second] = server.unsealKeys
      if (first) await client.sys.unseal(first)
      const ran = await emergency(
        ['--shares-fd', '0'],
        [first, second].map((key) => key?.expose() ?? ''),
      )
      expect(ran.code).toBe(1)
      expect(ran.stderr).toContain('1 of 3 shares that were given before')
      expect(ran.stderr).toContain('has this share already')
      expect(ran.stdout).toContain('it needs 1 more')
      expect(await emergency(['--shares-fd', '0', '--reset'], shares.slice(0, 3))).toMatchObject({ code: 0 })
    })

    it('explains a wrong share: the whole attempt is lost, and nobody knows whose it was', async () => {
      const wrong = Buffer.from(shares[4] ?? '', 'base64')
      wrong[0] = (wrong[0] ?? 0) ^ 0xff
      const ran = await emergency(['--shares-fd', '0'], [...shares.slice(0, 2), wrong.toString('base64')])
      expect(ran).toMatchObject({ code: 1, stdout: expect.stringContaining('wrong_share') })
      expect(ran.stdout).toContain('swap one holder at a time')
      expect(await client.sys.sealStatus()).toMatchObject({ sealed: true, progress: 0 })
      expect((await records()).at(-1)).toMatchObject({ outcome: 'failed' })
    })

    it('asks for another share in place of one that is none', async () => {
      const ran = await emergency(['--shares-fd', '0'], ['not a share!', ...shares.slice(0, 2), '%%%', shares[2] ?? ''])
      expect(ran.code).toBe(0)
      expect(ran.stderr).toContain('cannot read this as a key share')
    })

    it('keeps what was given when shares are missing', async () => {
      const ran = await emergency(['--shares-fd', '0'], shares.slice(0, 2))
      expect(ran).toMatchObject({ code: 1, stdout: expect.stringContaining('it needs 1 more') })
      expect(await emergency(['--shares-fd', '0'], shares.slice(2, 3))).toMatchObject({ code: 0 })
    })

    it('reads shares from a file descriptor, and takes none from the command line', async () => {
      const file = join(folder, 'shares')
      await writeFile(file, shares.slice(0, 3).join('\n'), { mode: 0o600 })
      const handle = await open(file)
      try {
        expect(await emergency(['--shares-fd', String(handle.fd)])).toMatchObject({ code: 0 })
      } finally {
        await handle.close()
      }
    })

    it('does nothing to a Vault that is not sealed, and asks nobody', async () => {
      await emergency(['--shares-fd', '0'], shares.slice(0, 3))
      expect(await emergency([])).toMatchObject({ code: 0, stdout: expect.stringContaining('it was not sealed') })
    })

    it('does not undo a seal by itself: one order, one unseal (pain 16)', async () => {
      expect(await emergency(['--shares-fd', '0'], shares)).toMatchObject({ code: 0 })
      await sealAgain()
      expect(await sealed()).toBe(true)
      expect((await emergency([])).code).toBe(2)
      expect(await sealed()).toBe(true)
    })

    it('goes on with the other nodes when one is not reached', async () => {
      const args = [server.address, 'http://127.0.0.1:1', '--shares-fd', '0']
      const ran = await emergency(args, shares.slice(0, 3))
      expect(ran.code).toBe(3)
      expect(ran.stdout).toContain(`done ${server.address}`)
      expect(ran.stdout).toContain('unreachable http://127.0.0.1:1')
      expect(await sealed()).toBe(false)
    })
  })
}
