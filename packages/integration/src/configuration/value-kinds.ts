/**
 * The kinds of value that a key can have: from the text in a variable or a file to a value that cannot be wrong.
 * Both sources give text, so both are held to the same rules.
 * @module
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import { parseDuration } from './duration.js'

/** One kind of value. */
export interface ValueKind<Value> {
  /** What is expected, as the end of "must be …". */
  readonly expects: string
  readonly schema: z.ZodType<Value, string>
}

const kind = <Value>(expects: string, parse: (text: string) => Value | undefined): ValueKind<Value> => ({
  expects,
  schema: z.string().transform((text, context) => {
    const value = parse(text.trim())
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: `must be ${expects}` })
    return z.NEVER
  }),
})

const within = (value: number | undefined, min: number, max: number): number | undefined =>
  value !== undefined && value >= min && value <= max ? value : undefined

const decimal = (text: string): number | undefined => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined)

export const text: ValueKind<string> = kind('a text that is not empty', (given) => given || undefined)

export const boolean: ValueKind<boolean> = kind('true, false, 1 or 0', (given) =>
  given === 'true' || given === '1' ? true : given === 'false' || given === '0' ? false : undefined,
)

export const port: ValueKind<number> = kind('a port number from 1 to 65535', (given) =>
  /^\d{1,5}$/.test(given) ? within(Number(given), 1, 65_535) : undefined,
)

/** A share of a credential's life. */
export const share: ValueKind<number> = kind('a number from 0.02 to 0.80', (given) => within(decimal(given), 0.02, 0.8))

export const count = (min: number, max: number): ValueKind<number> =>
  kind(`a whole number from ${min} to ${max}`, (given) =>
    /^\d{1,9}$/.test(given) ? within(Number(given), min, max) : undefined,
  )

export const oneOf = <Choice extends string>(...choices: readonly Choice[]): ValueKind<Choice> =>
  kind(`one of ${choices.join(', ')}`, (given) => choices.find((choice) => choice === given))

/** Milliseconds, at least one second, at most a day. */
export const duration: ValueKind<number> = kind('a duration from 1s to 24h such as 30s or 5m', (given) =>
  within(parseDuration(given), 1000, 86_400_000),
)

/** As Vault reads its own timeout: a bare number counts seconds. */
export const durationOrSeconds: ValueKind<number> = kind('a duration from 1s to 10m, or a number of seconds', (given) =>
  within(/^\d+$/.test(given) ? Number(given) * 1000 : parseDuration(given), 1000, 600_000),
)

/** A name that also serves as a metric label: it must come from a closed set, so it is kept short and plain. */
export const name: ValueKind<string> = kind(
  'a name of at most 63 letters, digits, dots, dashes or underscores, beginning with a letter or digit',
  (given) => (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(given) ? given : undefined),
)

/** A path below `/v1` without slashes at its ends: a mount, a namespace. */
export const mountPath: ValueKind<string> = kind('a path without empty, "." or ".." segments', (given) => {
  const path = given.replace(/^\/|\/$/g, '')
  const plain = path.split('/').every((segment) => /^[A-Za-z0-9._~-]+$/.test(segment) && !/^\.{1,2}$/.test(segment))
  return plain ? path : undefined
})

/** As Vault's own clients read it: a path is kept, for a Vault behind a proxy; `/v1` is added by the client. */
export const serverUrl: ValueKind<string> = kind(
  'http://host:port or https://host:port, without user, query or /v1',
  (given) => {
    if (!URL.canParse(given)) return undefined
    const { protocol, username, password, search, hash, origin, pathname } = new URL(given)
    if (!/^https?:$/.test(protocol) || `${username}${password}${search}${hash}` !== '') return undefined
    const path = pathname.replace(/\/+$/, '')
    return /\/v1$/.test(path) ? undefined : `${origin}${path}`
  },
)

/** `unix:///path` or `tcp://1.2.3.4:port`, as the SPIFFE Workload Endpoint specification has it, section 4. */
export const workloadEndpoint: ValueKind<string> = kind('unix:///path/of/socket or tcp://ADDRESS:PORT', (given) =>
  /^unix:(\/\/)?\/[^?#]+$/.test(given) || /^tcp:\/\/[^/?#@]+:\d{1,5}$/.test(given) ? given : undefined,
)

export interface ListenAddress {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

/** Where to listen. Names are not resolved: an address says plainly which interface is meant. */
export const listenAddress: ValueKind<ListenAddress> = kind(
  'ADDRESS:PORT such as 127.0.0.1:9464 or [::1]:0',
  (given) => {
    const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(given) ?? []
    const host = bracketed ?? (plain === 'localhost' ? '127.0.0.1' : plain)
    if (host === undefined || isIP(host) === 0 || Number(digits) > 65_535) return undefined
    return { host, port: Number(digits) }
  },
)

export const hostNames: ValueKind<readonly string[]> = kind('host names separated by commas', (given) => {
  const names = given.split(',').map((part) => part.trim().toLowerCase())
  return names.every((part) => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(part)) ? names : undefined
})
