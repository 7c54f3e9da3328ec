/**
 * JSON in which nothing is hidden: a name that occurs twice in an object is an error (`JSON.parse` keeps the
 * last), and whole numbers beyond 2^53 can keep all their digits.
 * @module
 */

/** Deeper documents are refused. */
const deepest = 64
const numberAt = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const spaceAt = /[ \t\r\n]*/y
const literals = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const

/** A name occurs twice in one object. */
export class DuplicateNameError extends SyntaxError {
  override readonly name = 'DuplicateNameError'
}

export type JsonObject = { readonly [name: string]: unknown }

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * @param options.exactIntegers - whole numbers that a double cannot hold exactly become `bigint`
 * @throws {SyntaxError} when the text is not JSON, nests deeper than 64, or (as {@link DuplicateNameError})
 *   repeats a name
 */
export function parseStrictJson(text: string, options: { exactIntegers?: boolean } = {}): unknown {
  const reader = new Reader(text, options.exactIntegers ?? false)
  return reader.document()
}

class Reader {
  readonly #text: string
  readonly #exactIntegers: boolean
  #at = 0

  constructor(text: string, exactIntegers: boolean) {
    this.#text = text
    this.#exactIntegers = exactIntegers
  }

  document(): unknown {
    const value = this.#value(0)
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#unexpected()
    return value
  }

  #value(depth: number): unknown {
    if (depth > deepest) throw new SyntaxError(`JSON nests deeper than ${deepest}`)
    this.#skipSpace()
    const character = this.#text[this.#at]
    if (character === '{') return this.#object(depth)
    if (character === '[') return this.#array(depth)
    if (character === '"') return this.#string()
    const literal = literals.find(([word]) => this.#text.startsWith(word, this.#at))
    if (!literal) return this.#number()
    this.#at += literal[0].length
    return literal[1]
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, unknown>()
    this.#items('}', () => {
      this.#skipSpace()
      const name = this.#string()
      if (members.has(name)) throw new DuplicateNameError('a name occurs twice in one JSON object')
      this.#expect(':')
      members.set(name, this.#value(depth + 1))
    })
    return Object.fromEntries(members)
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = []
    this.#items(']', () => items.push(this.#value(depth + 1)))
    return items
  }

  #items(end: string, readItem: () => void): void {
    this.#at += 1
    if (this.#next(end)) return
    do readItem()
    while (this.#next(','))
    this.#expect(end)
  }

  #string(): string {
    const start = this.#at
    if (this.#text[start] !== '"') throw this.#unexpected()
    let end = start + 1
    while (this.#text[end] !== '"') {
      if (end >= this.#text.length) throw this.#unexpected()
      end += this.#text[end] === '\\' ? 2 : 1
    }
    try {
      const string = JSON.parse(this.#text.slice(start, end + 1)) as string
      this.#at = end + 1
      return string
    } catch {
      throw this.#unexpected()
    }
  }

  #number(): number | bigint {
    numberAt.lastIndex = this.#at
    const raw = numberAt.exec(this.#text)?.[0]
    if (raw === undefined) throw this.#unexpected()
    this.#at += raw.length
    const value = Number(raw)
    const inexact = this.#exactIntegers && /^-?[0-9]+$/.test(raw) && !Number.isSafeInteger(value)
    return inexact ? BigInt(raw) : value
  }

  #next(character: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #expect(character: string): void {
    if (!this.#next(character)) throw this.#unexpected()
  }

  #skipSpace(): void {
    spaceAt.lastIndex = this.#at
    this.#at += spaceAt.exec(this.#text)?.[0].length ?? 0
  }

  // Only the place: the text may be a token's.
  #unexpected(): SyntaxError {
    return new SyntaxError(`not JSON at position ${Math.min(this.#at, this.#text.length)}`)
  }
}
