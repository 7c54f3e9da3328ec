import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

/** Every rule of the SPIFFE specifications that applies to what is built, by the ids of our checklist. */
const rules = `
BND-3-a BND-4.1-a BND-4.1.1-a BND-4.1.2-a BND-4.1.3-a BND-4.1.3-b BND-4.1.3-c BND-4.2-a BND-4.2.1-a BND-4.2.2-a
BND-5.1.1-a BND-6.1-a BND-6.2-a BND-B ID-2-a ID-2-b ID-2.1-a ID-2.1-b ID-2.1-c ID-2.1-d ID-2.2-a ID-2.2-b ID-2.2-c
ID-2.2-d ID-2.3-a ID-2.3-b ID-2.3-c ID-2.4-a ID-3.1-a ID-3.1-b ID-3.2-a ID-3.3-a ID-4.1 JWT-1-a JWT-2-a JWT-2.1-a
JWT-2.2-a JWT-2.3-a JWT-3-a JWT-3.1-a JWT-3.2-a JWT-3.2-b JWT-3.3-a JWT-4-a JWT-5.1-a JWT-5.2-a JWT-5.3-a JWT-6.1-a
JWT-6.2-a JWT-7 WLA-1-a WLA-2-a WLA-4.2-a WLA-4.3-a WLA-4.3-b WLA-4.4-a WLA-4.4-b WLA-4.5-a WLA-4.5-b WLA-4.6-a
WLA-5.2.1-a WLA-5.2.1-b WLA-5.2.1-c WLA-5.2.1-d WLA-5.2.1-e WLA-5.2.2-a WLA-6.2.1-a WLA-6.2.1-b WLA-6.2.2-a
WLA-6.2.3-a WLA-6.3-a WLA-7-a WLA-8-a WLE-2-a WLE-3-a WLE-3-b WLE-3.1-a WLE-4-a WLE-4-b WLE-4-c WLE-4-d WLE-5-a
WLE-6-a WLE-6-b WLE-6-c WLE-6-d WLE-7-a X509-2-a X509-2-b X509-3.1-a X509-3.1-b X509-3.2-a X509-3.2-b X509-3.2-c
X509-4.1-a X509-4.2-a X509-4.3-a X509-4.3-b X509-4.3-c X509-4.4-a X509-5.1-a X509-5.2-a X509-5.2-b X509-5.2-c
X509-6.1-a X509-6.2-a X509-6.2-b
`
  .trim()
  .split(/\s+/)

/** Everything that stands in the name of a test. */
function testNames(): string {
  const folders = ['packages', 'test']
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && /(^|\/)(test|contract)\//.test(file) && !/node_modules|dist/.test(file))
      .map((file) => join(root, folder, file)),
  )
  const names = files.flatMap(
    (file) => readFileSync(file, 'utf8').match(/(['"`])(?:(?!\1).)*?(?:ID|X509|JWT|WLA|WLE|BND)-.*?\1/g) ?? [],
  )
  return names.join('\n')
}

it('every rule is borne by the name of a test', () => {
  const names = testNames()
  const mentioned = (rule: string): boolean => new RegExp(`${rule.replaceAll('.', '\\.')}(?![a-z0-9.-])`).test(names)
  expect(rules.filter((rule) => !mentioned(rule))).toEqual([])
})
