/**
 * Policies as text: the part of HCL that ACL policies are written in, and the same as JSON.
 * @see https://developer.hashicorp.com/vault/docs/concepts/policies
 * @module
 */
import { badRequest } from '../refusal.js'

export type Capability = 'create' | 'read' | 'update' | 'delete' | 'list' | 'patch' | 'sudo' | 'deny'

export interface PolicyRule {
  readonly path: string
  readonly capabilities: readonly Capability[]
}

const capabilities: ReadonlySet<string> = new Set([
  'create',
  'read',
  'update',
  'delete',
  'list',
  'patch',
  'sudo',
  'deny',
])

/** What a rule could bear before capabilities were written out. */
const legacyPolicies: Readonly<Record<string, readonly Capability[]>> = {
  deny: ['deny'],
  read: ['read', 'list'],
  write: ['create', 'read', 'update', 'delete', 'list'],
  sudo: ['create', 'read', 'update', 'delete', 'list', 'sudo'],
}

/** Real keys that narrow a rule. To leave one out would grant more than the real server does. */
const notEnforced = new Set([
  'allowed_parameters',
  'denied_parameters',
  'required_parameters',
  'min_wrapping_ttl',
  'max_wrapping_ttl',
  'mfa_methods',
  'control_group',
])

/** @throws {Refusal} 400 with what is wrong */
export function parsePolicy(text: string): PolicyRule[] {
  const blocks = text.trimStart().startsWith('{') ? jsonBlocks(text) : new HclReader(text).blocks()
  return blocks.map(([path, body]) => ruleOf(path, body))
}

type Block = readonly [path: string, body: Readonly<Record<string, unknown>>]

function jsonBlocks(text: string): Block[] {
  try {
    const { path = {} } = JSON.parse(text) as { path?: Record<string, Record<string, unknown>> }
    return Object.entries(path)
  } catch (error) {
    throw failure(error instanceof Error ? error.message : String(error))
  }
}

function ruleOf(rawPath: string, body: Readonly<Record<string, unknown>>): PolicyRule {
  const path = rawPath.replace(/^\//, '')
  if (path.includes('+*')) throw failure(`path "${path}": invalid use of wildcards ('+*' is forbidden)`)
  if (path.includes('{{')) throw badRequest('the embedded server does not fill in templated policy paths')
  const found: Capability[] = []
  for (const [key, value] of Object.entries(body)) {
    if (key === 'capabilities') found.push(...capabilitiesOf(path, value))
    else if (key === 'policy') found.push(...(legacyPolicies[String(value)] ?? []))
    else if (notEnforced.has(key)) throw badRequest(`the embedded server does not enforce ${key}`)
    else if (key !== 'comment')
      throw failure(`1 error occurred:\n\t* path "${path}": invalid key "${key}" on line 1\n\n`)
  }
  return { path, capabilities: found }
}

function capabilitiesOf(path: string, value: unknown): Capability[] {
  const names = Array.isArray(value) ? value.map(String) : []
  for (const name of names) {
    if (!capabilities.has(name)) throw failure(`path "${path}": invalid capability "${name}"`)
  }
  return names as Capability[]
}

const failure = (what: string): Error => badRequest(`failed to parse policy: ${what}`)

const tokenPattern =
  /\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/|"((?:[^"\\]|\\.)*)"|([A-Za-z_][\w-]*)|(-?\d+)|([{}[\],=:])/y

/** Reads `path "…" { key = value }`, with values that are texts, words, numbers, lists or blocks. */
class HclReader {
  readonly #tokens: { readonly text: string; readonly quoted: boolean }[] = []
  #next = 0

  constructor(text: string) {
    const pattern = new RegExp(tokenPattern)
    for (pattern.lastIndex = 0; pattern.lastIndex < text.length; ) {
      const at = pattern.lastIndex
      const match = pattern.exec(text)
      if (match === null) throw failure(`illegal character at offset ${at}`)
      const [, quoted, word, number, mark] = match
      if (quoted !== undefined) this.#tokens.push({ text: withoutEscapes(quoted), quoted: true })
      else if (word ?? number ?? mark) this.#tokens.push({ text: (word ?? number ?? mark) as string, quoted: false })
    }
  }

  blocks(): Block[] {
    const blocks: Block[] = []
    while (this.#next < this.#tokens.length) {
      const key = this.#take().text
      if (key !== 'path' && key !== 'name') throw failure(`1 error occurred:\n\t* invalid key "${key}" on line 0\n\n`)
      if (key === 'name') {
        this.#expect('=')
        this.#take()
      } else blocks.push([this.#quoted(), this.#body()])
    }
    return blocks
  }

  #body(): Record<string, unknown> {
    const body: Record<string, unknown> = {}
    this.#expect('{')
    while (!this.#accept('}')) {
      const key = this.#take().text
      if (this.#peek() === '{') body[key] = this.#body()
      else {
        if (!this.#accept(':')) this.#expect('=')
        body[key] = this.#value()
      }
      this.#accept(',')
    }
    return body
  }

  #value(): unknown {
    if (this.#peek() === '{') return this.#body()
    if (!this.#accept('[')) return this.#take().text
    const list: unknown[] = []
    while (!this.#accept(']')) {
      list.push(this.#value())
      if (!this.#accept(',') && this.#peek() !== ']') throw failure('error parsing list, expected comma or list end')
    }
    return list
  }

  #quoted(): string {
    const { text, quoted } = this.#take()
    if (!quoted) throw failure(`expected a quoted path, got ${text}`)
    return text
  }

  #peek(): string | undefined {
    const token = this.#tokens[this.#next]
    return token?.quoted ? undefined : token?.text
  }

  #take(): { readonly text: string; readonly quoted: boolean } {
    const token = this.#tokens[this.#next]
    if (token === undefined) throw failure('unexpected end of the policy')
    this.#next += 1
    return token
  }

  #accept(mark: string): boolean {
    if (this.#peek() !== mark) return false
    this.#next += 1
    return true
  }

  #expect(mark: string): void {
    if (!this.#accept(mark)) throw failure(`expected ${mark}, got ${this.#take().text}`)
  }
}

const withoutEscapes = (text: string): string =>
  text.replace(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))
