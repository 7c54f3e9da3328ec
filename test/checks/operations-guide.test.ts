import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkCatalogue } from '@chaveiro/operations'
import { describe, expect, it } from 'vitest'

const docs = join(import.meta.dirname, '..', '..', 'docs')
const english = readFileSync(join(docs, 'operations-guide.md'), 'utf8')
const portuguese = readFileSync(join(docs, 'pt-BR', 'guia-de-operacoes.md'), 'utf8')
const blocks = (text: string): string[] => [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, body]) => body ?? '')

describe('the operations guide', () => {
  it('has the same commands in the same order in both languages', () => {
    expect(blocks(english).length).toBeGreaterThan(5)
    expect(blocks(portuguese)).toEqual(blocks(english))
  })

  it.each(checkCatalogue.map(({ code }) => code))('has a heading for %s, to which validate links', (code) => {
    expect(english).toMatch(new RegExp(`^#### ${code}$`, 'm'))
    expect(portuguese).toMatch(new RegExp(`^#### ${code}$`, 'm'))
  })

  it('names only scripts that are there', () => {
    const scripts = [...english.matchAll(/scripts\/[\w-]+\.sh/g)].map(([script]) => script)
    expect(scripts.length).toBeGreaterThan(3)
    for (const script of scripts) expect(readFileSync(join(docs, '..', script), 'utf8')).toMatch(/^#!/)
  })
})
