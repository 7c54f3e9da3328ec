/**
 * Registration entries through `kubectl exec` into the pod of SPIRE's server, where the command `spire-server` reaches
 * the server's own socket.
 * @module
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import type { SpireEntry } from './entry.js'
import type { EntryApi } from './entry-api.js'
import { SpireServerError } from './errors.js'

export interface KubectlOptions {
  readonly namespace: string
  readonly pod: string
  /** Default `spire-server`. */
  readonly container?: string
  /** Default `kubectl`, found by `PATH`. */
  readonly program?: string
}

/** Where SPIRE's images and charts have it. */
const command = '/opt/spire/bin/spire-server'

interface PrintedId {
  readonly trust_domain: string
  readonly path: string
}

type PrintedEntry = Omit<SpireEntry, 'spiffe_id' | 'parent_id' | 'selectors'> & {
  readonly spiffe_id: PrintedId
  readonly parent_id: PrintedId
  readonly selectors: readonly { readonly type: string; readonly value: string }[]
}

/** Nothing is kept between calls but one list, until something is written. */
export class KubectlEntries implements EntryApi {
  readonly #program: string
  readonly #exec: readonly string[]
  readonly #address: string
  #listed: Promise<SpireEntry[]> | undefined

  constructor({ namespace, pod, container = 'spire-server', program = 'kubectl' }: KubectlOptions) {
    this.#program = program
    this.#exec = ['exec', '-i', '-n', namespace, pod, '-c', container, '--', command, 'entry']
    this.#address = `pod ${namespace}/${pod}`
  }

  listEntries(signal?: AbortSignal): Promise<SpireEntry[]> {
    this.#listed ??= this.#list(signal)
    return this.#listed
  }

  async getEntry(id: string, signal?: AbortSignal): Promise<SpireEntry | undefined> {
    return (await this.listEntries(signal)).find((entry) => entry.id === id)
  }

  createEntry(entry: SpireEntry, signal?: AbortSignal): Promise<void> {
    return this.#write(['create', '-data', '-'], entry, signal)
  }

  updateEntry(entry: SpireEntry, signal?: AbortSignal): Promise<void> {
    return this.#write(['update', '-data', '-'], entry, signal)
  }

  async deleteEntry(id: string, signal?: AbortSignal): Promise<void> {
    this.#listed = undefined
    await this.#run(['delete', '-entryID', id], '', signal)
  }

  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #list(signal: AbortSignal | undefined): Promise<SpireEntry[]> {
    const { entries } = await this.#run<{ entries: PrintedEntry[] }>(['show'], '', signal)
    return entries.map(readPrinted)
  }

  async #write(subcommand: readonly string[], entry: SpireEntry, signal: AbortSignal | undefined): Promise<void> {
    this.#listed = undefined
    const { id, selectors, ...rest } = entry
    const split = selectors.map((selector) => {
      const at = selector.indexOf(':')
      return { type: selector.slice(0, at), value: selector.slice(at + 1) }
    })
    await this.#run(subcommand, JSON.stringify({ entries: [{ ...rest, entry_id: id, selectors: split }] }), signal)
  }

  /** A refusal is told in the answer, with exit code 0. */
  async #run<T>(subcommand: readonly string[], input: string, signal: AbortSignal | undefined): Promise<T> {
    const printed = await this.#spawn([...subcommand, '-output', 'json'], input, signal)
    const answers: unknown = JSON.parse(printed)
    const answer = (Array.isArray(answers) ? answers[0] : answers) as T & {
      results?: { status: { code: number; message: string } }[]
    }
    const refused = answer.results?.find(({ status }) => status.code !== 0)?.status
    if (!refused) return answer
    throw new SpireServerError('ERR_SPIRE_SERVER_REFUSED', `SPIRE server in ${this.#address}: ${refused.message}`, {
      status: refused.code,
    })
  }

  async #spawn(args: readonly string[], input: string, signal: AbortSignal | undefined): Promise<string> {
    const child = spawn(this.#program, [...this.#exec, ...args], { stdio: 'pipe', ...(signal && { signal }) })
    // A command that ends before it has read its input says why on stderr.
    child.stdin.on('error', () => undefined).end(input)
    const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]).catch((cause) => {
      signal?.throwIfAborted()
      throw this.#failure(String((cause as NodeJS.ErrnoException).code ?? cause), cause)
    })
    if (code === 0) return stdout
    throw this.#failure(stderr.trim() || `${this.#program} ended with ${code}`)
  }

  #failure(why: string, cause?: unknown): SpireServerError {
    const denied = /forbidden/i.test(why) ? 'ERR_SPIRE_SERVER_PERMISSION_DENIED' : 'ERR_SPIRE_SERVER_UNREACHABLE'
    return new SpireServerError(denied, `SPIRE server in ${this.#address}: ${why}`, { cause })
  }
}

function readPrinted({ spiffe_id, parent_id, selectors, ...rest }: PrintedEntry): SpireEntry {
  const idText = ({ trust_domain, path }: PrintedId): string => `spiffe://${trust_domain}${path}`
  return {
    ...rest,
    spiffe_id: idText(spiffe_id),
    parent_id: idText(parent_id),
    selectors: selectors.map(({ type, value }) => `${type}:${value}`),
  }
}
