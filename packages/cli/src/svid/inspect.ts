/**
 * Tells what an SVID says, without believing it.
 * @module
 */
import { JwtSvid, SpiffeIdError, SvidError, X509Svid } from '@chaveiro/spiffe'
import { exitCode, UsageError } from '../exit-code.js'
import { readInput } from '../input.js'
import { type OutputFormat, print } from '../output.js'
import type { Terminal } from '../terminal.js'
import { describeChain } from './chain.js'

export interface InspectOptions {
  readonly x509?: string
  readonly key?: string
  readonly jwt?: string
  readonly output: OutputFormat
}

/** @returns the exit code: 0 it can be read (and is whole, when a key was given), 1 it is malformed */
export async function inspectSvid(terminal: Terminal, { x509, key, jwt, output }: InspectOptions): Promise<number> {
  if ((x509 === undefined) === (jwt === undefined)) {
    throw new UsageError('name one SVID to look at', 'Give either --x509 FILE or --jwt FILE.')
  }
  if (key !== undefined && x509 === undefined) {
    throw new UsageError('--key belongs to an X.509-SVID', 'Give the chain with --x509 FILE.')
  }
  const text = (await readInput(terminal, (x509 ?? jwt) as string)).toString('utf8')
  const keyText = key === undefined ? undefined : (await readInput(terminal, key)).toString('utf8')
  try {
    const said = x509 === undefined ? describeJwt(text.trim()) : describeX509(text, keyText)
    print(terminal, output, said, toLines)
    return exitCode.ok
  } catch (error) {
    if (!(error instanceof SvidError || error instanceof SpiffeIdError)) throw error
    const { code, rule, message } = error
    print(terminal, output, { malformed: true, code, rule, message }, () => [
      `malformed: ${message}`,
      `  rule ${rule}, code ${code}`,
    ])
    return exitCode.failed
  }
}

type Said = Readonly<Record<string, unknown>>

function describeX509(chainPem: string, keyPem: string | undefined): Said {
  const chain = describeChain(chainPem)
  if (keyPem === undefined) return chain
  const svid = X509Svid.fromPem(chainPem, keyPem)
  return { ...chain, whole: true, spiffe_id: svid.id.toString() }
}

function describeJwt(token: string): Said {
  const svid = JwtSvid.parseUnverified(token)
  return {
    spiffe_id: svid.id.toString(),
    audience: svid.audience,
    expires_at: new Date(svid.expiresAtMs).toISOString(),
    issued_at: svid.issuedAtMs === undefined ? null : new Date(svid.issuedAtMs).toISOString(),
    verified: false,
    claims: svid.claims,
  }
}

function toLines(said: Said): string[] {
  return Object.entries(said).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return `${key.padEnd(14)} ${text}`
  })
}
