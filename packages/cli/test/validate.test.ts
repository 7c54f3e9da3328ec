import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fakeSource, startStatic } from '../../integration/test/service.js'
import { run } from './terminal.js'

const manifest = `version: 1
trustDomain: a.example
vault: { audience: vault.a.example, jwksUrl: http://127.0.0.1:1/keys }
workloads:
  - { name: one, id: spiffe://a.example/ns/x/sa/one, selectors: [unix:uid:1] }
`

describe('chaveiro validate', () => {
  let service: Server
  let admin: string

  beforeAll(async () => {
    const answers: Record<string, [number, string]> = {
      '/readyz': [200, '{"status":"ready"}'],
      '/metrics': [200, ''],
      '/rotations': [200, '{"rotations":[{"credential_type":"token","name":"t<&>","overdue":true}]}'],
    }
    service = createServer((request, response) => {
      const [status, body] = answers[request.url ?? ''] ?? [404, '']
      response.writeHead(status).end(body)
    })
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
    admin = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
  })

  afterAll(() => service.close())

  // One cause, three formats: a pipeline must not learn something else than a person (istio#35054).
  const cases = [
    { name: 'a check fails', only: 'services', service: true, strict: false, want: 1 },
    { name: 'it could not be told', only: 'services', service: false, strict: false, want: 0 },
    { name: 'it could not be told, strictly', only: 'services', service: false, strict: true, want: 1 },
    { name: 'no server', only: 'vault', service: false, strict: false, want: 3 },
    { name: 'no server, strictly', only: 'auth', service: false, strict: true, want: 3 },
  ]
  it.each(cases.flatMap((each) => ['text', 'json', 'junit'].map((format) => ({ ...each, format }))))(
    'ends with $want when $name, as $format',
    async ({ only, service: named, strict, format, want }) => {
      const args = ['validate', '-f', '-', '--only', only, '-o', format]
      if (strict) args.push('--strict')
      if (named) args.push('--service', `one=${admin}`)
      const { code, stdout } = await run(args, { stdin: manifest, env: { VAULT_ADDR: 'http://127.0.0.1:1' } })
      expect(code).toBe(want)
      if (format === 'json')
        expect(JSON.parse(stdout)).toMatchObject({ schema_version: 1, ok: want === 0, exit_code: want })
      if (format === 'junit') expect(/failures="0"/.test(stdout)).toBe(want === 0)
    },
  )

  it('holds for a service that runs', async () => {
    await using running = await startStatic()
    await running.service.rotate(fakeSource()).ready()
    const args = ['validate', '-f', '-', '--only', 'services', '--strict', '-v']
    const env = { VAULT_ADDR: 'http://127.0.0.1:1', CHAVEIRO_SERVICES: `one=${running.url}` }
    const { code, stdout } = await run(args, { stdin: manifest, env })
    expect(stdout).toContain('3 of 3 hold')
    expect(code).toBe(0)
  })

  it('keeps the data alone on stdout, and escapes what stands in XML', async () => {
    const args = ['validate', '-f', '-', '--only', 'services', '-o', 'junit', '--service', `one=${admin}`]
    const { stdout } = await run(args, { stdin: manifest, env: { VAULT_ADDR: 'http://127.0.0.1:1' } })
    expect(stdout).toMatch(/^<\?xml/)
    expect(stdout).toContain('t&lt;&amp;&gt;')
    expect(stdout).not.toContain('t<&>')
  })

  it.each([
    { name: 'an unknown group', args: ['--only', 'vualt'], says: 'vault, auth' },
    { name: 'a service without its address', args: ['--service', 'one'], says: 'NAME=URL' },
    { name: 'a time without its unit', args: ['--wait', '2'], says: '60s' },
  ])('answers $name with exit code 2', async ({ args, says }) => {
    const { code, stderr } = await run(['validate', '-f', '-', ...args], { stdin: manifest })
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })
})
