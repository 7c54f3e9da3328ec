import { describe, expect, it } from 'vitest'
import { run } from './terminal.js'

describe('chaveiro id parse', () => {
  it('prints the parts of an ID', async () => {
    const { code, stdout } = await run(['id', 'parse', 'spiffe://a.example/ns/x'])
    expect(code).toBe(0)
    expect(stdout).toContain('a.example')
    expect(stdout).toContain('/ns/x')
  })

  it('prints a JSON array with one object for each input, valid or not', async () => {
    const { code, stdout } = await run([
      'id',
      'parse',
      '-o',
      'json',
      'spiffe://a.example',
      'spiffe://a.example/',
      'http://a',
    ])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toEqual([
      { input: 'spiffe://a.example', valid: true, trust_domain: 'a.example', path: '', rule: null },
      expect.objectContaining({
        input: 'spiffe://a.example/',
        valid: false,
        trust_domain: null,
        path: null,
        rule: 'ID-2.2-c',
      }),
      expect.objectContaining({ input: 'http://a', valid: false, rule: 'ID-2-a' }),
    ])
  })

  it('takes an empty ID as an invalid one', async () => {
    const { code, stdout } = await run(['id', 'parse', '-o', 'json', ''])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toEqual([expect.objectContaining({ input: '', valid: false })])
  })

  it('is a usage error without an ID', async () => {
    const { code, stderr, stdout } = await run(['id', 'parse'])
    expect(code).toBe(2)
    expect(stderr).toContain('--help')
    expect(stdout).toBe('')
  })
})

describe('chaveiro', () => {
  it.each([[['--help']], [['demo', '--help']], [['dev', '--help']], [['svid', 'validate', '--help']]])(
    'has help for %s',
    async (args) => {
      const { code, stdout } = await run(args)
      expect(code).toBe(0)
      expect(stdout).toContain('Usage: chaveiro')
    },
  )

  it.each([
    { name: 'an unknown command', args: ['demmo'], says: 'demo' },
    { name: 'an unknown option', args: ['demo', '--rael'], says: '--real' },
    { name: 'a duration without a unit', args: ['demo', '--for', '60'], says: '60s' },
    { name: 'an unknown shell', args: ['completion', 'tcsh'], says: 'bash' },
  ])('answers $name with exit code 2 and a hint', async ({ args, says }) => {
    const { code, stderr } = await run(args)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })

  it.each(['bash', 'zsh', 'fish'])('completes its commands in %s', async (shell) => {
    const { code, stdout } = await run(['completion', shell])
    expect(code).toBe(0)
    expect(stdout).toContain('demo')
    expect(stdout).toContain('validate')
  })
})
