import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RealSpire, realServerPrograms } from '@chaveiro/dev'
import { KubectlEntries, SpireServerClient } from '@chaveiro/operations'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../packages/cli/test/terminal.js'
import { describeReal } from '../support/real.js'

const sample = await readFile(join(import.meta.dirname, '..', '..', 'examples', 'chaveiro.yaml'), 'utf8')
const apply = ['apply', '--yes', '--only', 'entries', '-f', '-']
const id = 'chaveiro.neural-hive.local.worker-agents'

describeReal("the ways to SPIRE server's API", ['spire'], () => {
  let folder: string
  let spire: RealSpire
  let server: SpireServerClient
  let parent: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaveiro-ways-'))
    spire = await RealSpire.start({ folder })
    server = new SpireServerClient({ socket: spire.serverSocket })
    parent = spire.agentId
    // Stands for kubectl: the pod is this machine, and the command in it reaches the server's socket.
    const { 'spire-server': program } = await realServerPrograms('spire')
    const script = `#!/bin/sh
echo "$@" >> ${folder}/kubectl.log
test "$1 $2 $3 $4 $5" = "exec -i -n spire-server spire-server-0" || { echo 'Error from server (Forbidden): pods is forbidden' >&2; exit 1; }
while [ "$1" != -- ]; do shift; done
shift 2
entry=$1; verb=$2; shift 2
exec ${program} "$entry" "$verb" -socketPath ${spire.serverSocket} "$@"
`
    await writeFile(join(folder, 'kubectl'), script)
    await chmod(join(folder, 'kubectl'), 0o755)
  })

  afterAll(async () => {
    await server?.close()
    await spire?.close()
    await rm(folder, { recursive: true })
  })

  it('the socket tells health, agents and the bundle', async () => {
    expect(await server.healthy()).toBe(true)
    expect(await server.listAgents()).toEqual([
      expect.objectContaining({ attestationType: 'join_token', banned: false }),
    ])
    const { trustDomain, x509Authorities, jwtAuthorities } = await server.bundle()
    expect([trustDomain, x509Authorities.length, jwtAuthorities.length]).toEqual(['neural-hive.local', 1, 1])
  })

  describe('kubectl exec', () => {
    const env = () => ({
      SPIRE_SERVER_POD: 'spire-server/spire-server-0',
      CHAVEIRO_SPIRE_PARENT: parent,
      PATH: `${folder}:${process.env.PATH}`,
    })
    const entries = (pod = 'spire-server-0') =>
      new KubectlEntries({ namespace: 'spire-server', pod, program: join(folder, 'kubectl') })

    it('creates, changes, shows and deletes as the socket does', async () => {
      const entry = {
        id: 'by.kubectl',
        spiffe_id: 'spiffe://neural-hive.local/k',
        parent_id: parent,
        selectors: ['unix:uid:1', 'unix:user:a:b'],
        x509_svid_ttl: 600,
        jwt_svid_ttl: 300,
        dns_names: ['a.local', 'b.local'],
        federates_with: [],
        hint: 'h',
        ...{ admin: false, downstream: false, store_svid: false },
      }
      await using api = entries()
      await api.createEntry(entry)
      expect(await server.getEntry(entry.id)).toEqual(entry)
      expect(await api.getEntry(entry.id)).toMatchObject(entry)
      await expect(api.createEntry({ ...entry, id: 'again' })).rejects.toMatchObject({
        code: 'ERR_SPIRE_SERVER_REFUSED',
      })
      await api.updateEntry({ ...entry, hint: '', x509_svid_ttl: 0, dns_names: [] })
      expect(await server.getEntry(entry.id)).toEqual({ ...entry, hint: '', x509_svid_ttl: 0, dns_names: [] })
      await api.deleteEntry(entry.id)
      expect(await server.getEntry(entry.id)).toBeUndefined()
    })

    it('applies a manifest; a second time nothing changes', async () => {
      const path = process.env.PATH
      process.env.PATH = env().PATH
      try {
        expect(await run(apply, { stdin: sample, env: env() })).toMatchObject({ code: 0 })
        expect((await run(apply, { stdin: sample, env: env() })).stdout).toMatch(/^No changes/)
      } finally {
        process.env.PATH = path
      }
      expect(await server.getEntry(id)).toMatchObject({ parent_id: parent })
      await server.deleteEntry(id)
    })

    it('tells a right that is missing from a program that is', async () => {
      await expect(entries('other').listEntries()).rejects.toMatchObject({ code: 'ERR_SPIRE_SERVER_PERMISSION_DENIED' })
      const missing = new KubectlEntries({ namespace: 'a', pod: 'b', program: join(folder, 'nothing') })
      await expect(missing.listEntries()).rejects.toMatchObject({ code: 'ERR_SPIRE_SERVER_UNREACHABLE' })
    })
  })

  describe('TCP', () => {
    const env = () => ({
      SPIRE_SERVER_ADDRESS: spire.serverAddress,
      SPIFFE_ENDPOINT_SOCKET: spire.workloadApiEndpoint,
      CHAVEIRO_SPIRE_PARENT: parent,
    })

    it('with the SVID of an admin applies a manifest; with any other it is refused, exit 4', async () => {
      const request = { id: 'spiffe://neural-hive.local/operator', selectors: [`unix:uid:${process.getuid?.()}`] }
      const { entryId } = await spire.createEntry(request)
      await spire.waitForEntry(entryId)
      const refused = await run(apply, { stdin: sample, env: env() })
      expect(refused).toMatchObject({ code: 4, stdout: '' })
      const entry = await server.getEntry(entryId)
      if (!entry) throw new Error('the entry was just made')
      await server.updateEntry({ ...entry, admin: true })
      expect(await run(apply, { stdin: sample, env: env() })).toMatchObject({ code: 0 })
      expect(await server.getEntry(id)).toBeDefined()
    })

    it('talks to nobody but the server of its own trust domain', async () => {
      const notTheServer = { ...env(), SPIRE_SERVER_ADDRESS: new URL(spire.jwksUrl).host }
      expect(await run(apply, { stdin: sample, env: notTheServer })).toMatchObject({ code: 3, stdout: '' })
    })
  })

  it('are not mixed: two at once is a usage error', async () => {
    const env = { SPIRE_SERVER_ADDRESS: 'a:1', SPIRE_SERVER_POD: 'a/b', CHAVEIRO_SPIRE_PARENT: parent }
    expect(await run(apply, { stdin: sample, env })).toMatchObject({ code: 2 })
  })
})
