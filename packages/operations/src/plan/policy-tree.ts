/**
 * Policies compared by what they grant: order, spaces and comments mean nothing.
 * @see https://developer.hashicorp.com/vault/docs/concepts/policies
 * @module
 */
import type { FieldChange } from './field-change.js'

/** Path to what is granted there, as one text with its parts in order. */
type Grants = ReadonlyMap<string, string>

/** Whether two policies grant the same. One that cannot be read equals only itself. */
export function samePolicy(left: string, right: string): boolean {
  const [one, other] = [readPolicy(left), readPolicy(right)]
  if (!one || !other) return left.trim() === right.trim()
  return one.size === other.size && [...one].every(([path, grant]) => other.get(path) === grant)
}

/** What each path is granted before and after, where that differs. */
export function policyDifferences(before: string, after: string): FieldChange[] {
  const [was, will] = [readPolicy(before), readPolicy(after)]
  if (!was || !will) return [{ name: 'policy', before: 'text that cannot be read as HCL', after: 'as derived' }]
  return [...new Set([...was.keys(), ...will.keys()])].flatMap((path) => {
    const [from, to] = [was.get(path), will.get(path)]
    if (from === to) return []
    return [{ name: path, ...(from !== undefined && { before: from }), ...(to !== undefined && { after: to }) }]
  })
}

/** What a policy grants, path by path. */
export function policySummary(text: string): FieldChange[] {
  return [...(readPolicy(text) ?? [])].map(([path, grant]) => ({ name: path, after: grant }))
}

/** Paths or capabilities that `after` has and `before` has not. */
export function policyWidens(before: string, after: string): boolean {
  const [was, will] = [readPolicy(before), readPolicy(after)]
  if (!was || !will) return true
  return [...will].some(([path, grant]) => {
    const known = new Set(was.get(path)?.match(/[a-z]+/g))
    return (grant.match(/[a-z]+/g) ?? []).some((capability) => !known.has(capability))
  })
}

function readPolicy(text: string): Grants | undefined {
  try {
    return text.trimStart().startsWith('{') ? jsonGrants(text) : new Reader([...tokenize(text)]).grants()
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function jsonGrants(text: string): Grants {
  const { path = {} } = JSON.parse(text) as { path?: Record<string, Record<string, unknown>> }
  return new Map(Object.entries(path).map(([name, body]) => [name, grantOf(body)]))
}

/** Capabilities first; whatever else narrows or widens the grant, after them. */
function grantOf({ capabilities, ...rest }: Readonly<Record<string, unknown>>): string {
  const names = Array.isArray(capabilities) ? capabilities.map(String).sort() : []
  const others = Object.keys(rest).length === 0 ? '' : ` and ${JSON.stringify(rest)}`
  return `[${names.join(', ')}]${others}`
}

const pattern = /\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/|"((?:[^"\\]|\\.)*)"|([\w.-]+)|([{}[\],=:])/y

function* tokenize(text: string): Generator<string> {
  const scanner = new RegExp(pattern)
  while (scanner.lastIndex < text.length) {
    const match = scanner.exec(text)
    if (!match) throw new SyntaxError('not HCL')
    const [, quoted, word, sign] = match
    if (quoted !== undefined) yield `"${quoted}`
    else if (word ?? sign) yield (word ?? sign) as string
  }
}

/** Reads `path "…" { key = value }` blocks; a quoted text keeps its opening quote as a mark. */
class Reader {
  #next = 0

  constructor(private readonly tokens: readonly string[]) {}

  grants(): Grants {
    const grants = new Map<string, string>()
    while (this.#next < this.tokens.length) {
      const key = this.#take()
      if (key === 'name') {
        this.#expect('=')
        this.#take()
      } else if (key === 'path') {
        grants.set(this.#take().replace(/^"\/?/, ''), grantOf(this.#body()))
      } else throw new SyntaxError(`unknown block ${key}`)
    }
    return grants
  }

  #body(): Record<string, unknown> {
    const body: Record<string, unknown> = {}
    this.#expect('{')
    while (!this.#accept('}')) {
      const key = this.#take().replace(/^"/, '')
      if (this.tokens[this.#next] !== '{' && !this.#accept(':')) this.#expect('=')
      body[key] = this.#value()
      this.#accept(',')
    }
    return body
  }

  #value(): unknown {
    if (this.tokens[this.#next] === '{') return this.#body()
    if (!this.#accept('[')) return this.#take().replace(/^"/, '')
    const items: unknown[] = []
    while (!this.#accept(']')) {
      items.push(this.#value())
      this.#accept(',')
    }
    return items
  }

  #take(): string {
    const token = this.tokens[this.#next]
    if (token === undefined) throw new SyntaxError('the policy ends too early')
    this.#next += 1
    return token
  }

  #accept(sign: string): boolean {
    if (this.tokens[this.#next] !== sign) return false
    this.#next += 1
    return true
  }

  #expect(sign: string): void {
    if (!this.#accept(sign)) throw new SyntaxError(`${sign} is missing`)
  }
}
