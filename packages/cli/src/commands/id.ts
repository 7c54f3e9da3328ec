/**
 * `chaveiro id parse`: a SPIFFE ID's parts, or the rule that it breaks.
 * @module
 */
import { SpiffeId, SpiffeIdError } from '@chaveiro/spiffe'
import type { Command } from 'commander'
import { exitCode } from '../exit-code.js'
import type { Outcome } from '../outcome.js'
import { type OutputFormat, print, withExamples, withOutput } from '../output.js'
import type { Terminal } from '../terminal.js'

/** One line of the JSON array (design, section 4.6). */
interface ParsedId {
  readonly input: string
  readonly valid: boolean
  readonly trust_domain: string | null
  readonly path: string | null
  /** The rule of the specification that the input breaks. */
  readonly rule: string | null
  readonly message?: string
}

export function addIdCommand(program: Command, terminal: Terminal, outcome: Outcome): void {
  const id = program.command('id').description('work with SPIFFE IDs')
  const parse = withOutput(id.command('parse').description("a SPIFFE ID's parts, or the rule that it breaks"))
    .argument('<id...>', 'one or more SPIFFE IDs')
    .action((inputs: string[], { output }: { output: OutputFormat }) => {
      const results = inputs.map(parseId)
      print(terminal, output, results, (all) => all.map(describe))
      if (results.some(({ valid }) => !valid)) outcome.code = exitCode.failed
    })
  withExamples(parse, [
    ['chaveiro id parse spiffe://neural-hive.local/ns/neural-hive-core/sa/service-registry', 'Take one apart:'],
    ['chaveiro id parse --output json spiffe://a.example/x spiffe://B.example/y', 'Judge several, for a script:'],
  ])
}

function parseId(input: string): ParsedId {
  try {
    const { trustDomain, path } = SpiffeId.parse(input)
    return { input, valid: true, trust_domain: trustDomain.name, path, rule: null }
  } catch (error) {
    if (!(error instanceof SpiffeIdError)) throw error
    return { input, valid: false, trust_domain: null, path: null, rule: error.rule, message: error.message }
  }
}

function describe({ input, valid, trust_domain, path, rule, message }: ParsedId): string {
  if (!valid) return `${JSON.stringify(input)} is not a SPIFFE ID\n  rule ${rule}: ${message}`
  return `${input}\n  trust domain  ${trust_domain}\n  path          ${path === '' ? '(none)' : path}`
}
