/**
 * From a YAML file of settings to what was written for each key, with file, line and column in every complaint.
 * @module
 */
import { isMap, isNode, isScalar, isSeq, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { keyList, type Reading, type Written } from './environment.js'
import type { ConfigurationErrorCode, ConfigurationProblem } from './errors.js'
import type { ConfigurationPath } from './keys.js'
import { nearest } from './nearest.js'

const keysByPath = new Map<string, (typeof keyList)[number][1]>(keyList)
const sections = new Set(keyList.map(([path]) => path.slice(0, path.indexOf('.'))))

/**
 * @param text - YAML: one mapping per section (`vault:`, `spiffe:`, …), one scalar per key
 * @param file - named in complaints
 */
export function readConfigurationFile(text: string, file: string): Reading {
  return new FileReader(text, file).read()
}

class FileReader {
  readonly #lines = new LineCounter()
  readonly #written = new Map<ConfigurationPath, Written>()
  readonly #problems: ConfigurationProblem[] = []

  constructor(
    private readonly text: string,
    private readonly file: string,
  ) {}

  read(): Reading {
    const document = parseDocument(this.text, { lineCounter: this.#lines, uniqueKeys: true })
    for (const error of document.errors) {
      const message = `is not valid YAML (${error.code})`
      this.#complain('ERR_CONFIGURATION_FILE', this.file, error.pos[0], message, 'Correct the YAML at that place.')
    }
    if (document.errors.length > 0) return this.#reading()
    if (isMap(document.contents)) this.#readSections(document.contents)
    else if (document.contents !== null) {
      const message = 'must be a mapping of sections'
      const cure = `Write sections such as ${[...sections].slice(0, 3).join(', ')}, each with its keys.`
      this.#complain('ERR_CONFIGURATION_FILE', this.file, offsetOf(document.contents), message, cure)
    }
    return this.#reading()
  }

  #readSections(map: YAMLMap): void {
    for (const pair of map.items) {
      const section = nameOf(pair)
      if (!sections.has(section)) this.#unknown(section, pair, sections)
      else if (isMap(pair.value)) this.#readSection(section, pair.value)
      else if (!isScalar(pair.value) || pair.value.value !== null) {
        const message = 'must be a mapping'
        const cure = `Write the keys of ${section} below it, indented.`
        this.#complain('ERR_CONFIGURATION_INVALID_VALUE', section, offsetOf(pair.key), message, cure)
      }
    }
  }

  #readSection(section: string, map: YAMLMap): void {
    for (const pair of map.items) {
      const path = `${section}.${nameOf(pair)}`
      const key = keysByPath.get(path)
      if (key === undefined) this.#unknown(path, pair, keysByPath.keys())
      else if (key.secret) {
        const message = 'is a secret and has no place in a file of settings'
        const cure = `Remove it here; set ${key.env[0]}, or name a file that holds it with ${path}File.`
        this.#complain('ERR_CONFIGURATION_CONTRADICTION', path, offsetOf(pair.key), message, cure)
      } else this.#readValue(path as ConfigurationPath, pair)
    }
  }

  #readValue(path: ConfigurationPath, pair: Pair): void {
    const offset = offsetOf(pair.value ?? pair.key)
    const text = isSeq(pair.value) ? pair.value.items.map(scalarText).join(',') : scalarText(pair.value)
    if (text !== undefined) this.#written.set(path, { text, origin: this.#at(offset) })
    else {
      const message = 'must be a single value'
      this.#complain('ERR_CONFIGURATION_INVALID_VALUE', path, offset, message, `Write a value after ${path}.`)
    }
  }

  #unknown(path: string, pair: Pair, candidates: Iterable<string>): void {
    const meant = nearest(path, candidates)
    const message = `is not a setting of Chaveiro${meant ? `; did you mean ${meant}?` : ''}`
    const cure = meant ? `Rename ${path} to ${meant}, or remove it.` : `Remove ${path}.`
    this.#complain('ERR_CONFIGURATION_UNKNOWN_KEY', path, offsetOf(pair.key), message, cure)
  }

  #complain(code: ConfigurationErrorCode, key: string, offset: number, message: string, cure: string): void {
    this.#problems.push({ code, key, origin: this.#at(offset), message, cure })
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${this.file}:${line}:${col}`
  }

  #reading(): Reading {
    return { written: this.#written, problems: this.#problems }
  }
}

const nameOf = (pair: Pair): string => (isScalar(pair.key) ? String(pair.key.value) : '?')

const offsetOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0)

/** The text as written, so that `yes` or `1e3` is judged as such and not as what YAML makes of it. */
function scalarText(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null) return undefined
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
}
