/**
 * Judges an SVID from files, by the rules that every peer applies.
 * @module
 */
import { systemClock } from '@chaveiro/rotation'
import {
  BundleError,
  BundleSet,
  parseBundle,
  pemCertificates,
  SpiffeIdError,
  SvidError,
  TrustDomain,
  verifyJwtSvid,
  verifyX509Svid,
} from '@chaveiro/spiffe'
import { exitCode, UsageError } from '../exit-code.js'
import { parsePair, parseTime, readInput } from '../input.js'
import { type OutputFormat, print } from '../output.js'
import type { Terminal } from '../terminal.js'

export interface ValidateOptions {
  readonly x509?: string
  readonly jwt?: string
  readonly audience?: readonly string[]
  readonly bundle?: readonly string[]
  readonly at?: string
  readonly output: OutputFormat
}

interface Verdict {
  readonly valid: boolean
  readonly spiffe_id: string | null
  readonly expires_at: string | null
  /** Stable code of the refusal, and the rule of the specification behind it. */
  readonly code: string | null
  readonly rule: string | null
  readonly message: string | null
}

/** @returns the exit code: 0 valid, 1 invalid */
export async function validateSvid(terminal: Terminal, options: ValidateOptions): Promise<number> {
  const bundles = await readBundles(terminal, options.bundle ?? [])
  const atMs = options.at === undefined ? systemClock.wallMs() : parseTime(options.at)
  const judge = await chooseJudge(terminal, options, bundles, atMs)
  const verdict = await judge().catch(refusal)
  print(terminal, options.output, verdict, describe)
  return verdict.valid ? exitCode.ok : exitCode.failed
}

/** Reads everything first, so that a missing file is a usage error and never a verdict. */
async function chooseJudge(
  terminal: Terminal,
  { x509, jwt, audience = [] }: ValidateOptions,
  bundles: BundleSet,
  atMs: number,
): Promise<() => Promise<Verdict>> {
  if ((x509 === undefined) === (jwt === undefined)) {
    throw new UsageError('name one SVID to judge', 'Give either --x509 FILE or --jwt FILE.')
  }
  if (x509 !== undefined) {
    const pem = (await readInput(terminal, x509)).toString('utf8')
    return async () => {
      const { id, notAfterMs } = verifyX509Svid(pemCertificates(pem), bundles, { atMs })
      return accepted(id.toString(), notAfterMs)
    }
  }
  if (audience.length === 0) {
    throw new UsageError(
      'a JWT-SVID is judged for an audience',
      'Add --audience NAME: the name the validator answers to.',
    )
  }
  const token = (await readInput(terminal, jwt as string)).toString('utf8').trim()
  return async () => {
    const svid = await verifyJwtSvid(token, bundles, { audience: [...audience], atMs })
    return accepted(svid.id.toString(), svid.expiresAtMs)
  }
}

async function readBundles(terminal: Terminal, pairs: readonly string[]): Promise<BundleSet> {
  if (pairs.length === 0) throw new UsageError('no bundle to judge by', 'Add --bundle TRUST_DOMAIN=FILE.')
  const bundles = new BundleSet()
  for (const pair of pairs) {
    const { name, value } = parsePair(pair)
    const text = (await readInput(terminal, value)).toString('utf8')
    try {
      const trustDomain = TrustDomain.parse(name)
      const { x509, jwt } = parseBundle(trustDomain, text)
      bundles.add(x509)
      bundles.add(jwt)
    } catch (error) {
      if (!(error instanceof SpiffeIdError || error instanceof BundleError)) throw error
      throw new UsageError(`--bundle ${pair}: ${error.message}`, error.cure, { cause: error })
    }
  }
  return bundles
}

const accepted = (spiffeId: string, expiresAtMs: number): Verdict => ({
  valid: true,
  spiffe_id: spiffeId,
  expires_at: new Date(expiresAtMs).toISOString(),
  code: null,
  rule: null,
  message: null,
})

function refusal(error: unknown): Verdict {
  if (!(error instanceof SvidError || error instanceof SpiffeIdError)) throw error
  const { code, rule, message } = error
  return { valid: false, spiffe_id: null, expires_at: null, code, rule, message }
}

function describe({ valid, spiffe_id, expires_at, code, rule, message }: Verdict): string[] {
  if (valid) return [`valid: ${spiffe_id}, until ${expires_at}`]
  return [`invalid: ${message}`, `  rule ${rule}, code ${code}`]
}
