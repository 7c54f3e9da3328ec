/**
 * `chaveiro svid`: fetch one from the Workload API, see what it says, judge it like a peer would.
 * @module
 */
import type { Command } from 'commander'
import type { Outcome } from '../outcome.js'
import { withExamples, withOutput } from '../output.js'
import { type FetchOptions, fetchSvid } from '../svid/fetch.js'
import { type InspectOptions, inspectSvid } from '../svid/inspect.js'
import { type ValidateOptions, validateSvid } from '../svid/validate.js'
import type { Terminal } from '../terminal.js'

const collect = (value: string, all: string[] = []): string[] => [...all, value]

export function addSvidCommand(program: Command, terminal: Terminal, outcome: Outcome): void {
  const svid = program.command('svid').description('fetch, inspect and validate SVIDs')
  addFetch(svid, terminal, outcome)
  addInspect(svid, terminal, outcome)
  addValidate(svid, terminal, outcome)
}

function addFetch(svid: Command, terminal: Terminal, outcome: Outcome): void {
  const command = withOutput(svid.command('fetch').description('fetch an SVID of this process from the Workload API'))
    .option('--x509', 'an X.509-SVID (the default)')
    .option('--jwt', 'a JWT-SVID; needs --audience')
    .option('--audience <name>', 'whom the JWT-SVID is for; repeat for several', collect)
    .option('--endpoint <uri>', 'Workload API, such as unix:///run/spire/agent.sock (default: SPIFFE_ENDPOINT_SOCKET)')
    .option('--write <path>', 'X.509: folder for svid.pem, key.pem, bundle.pem; JWT: file, or - for stdout. Mode 0600')
    .action(async (options: FetchOptions) => {
      outcome.code = await fetchSvid(terminal, options)
    })
  withExamples(command, [
    ['chaveiro svid fetch', 'Who am I?'],
    ['chaveiro svid fetch --jwt --audience vault.neural-hive.local', 'Would I get a token for Vault?'],
  ])
}

function addInspect(svid: Command, terminal: Terminal, outcome: Outcome): void {
  const command = withOutput(svid.command('inspect').description('what an SVID says; it is not judged'))
    .option('--x509 <file>', 'chain as PEM, leaf first; - for stdin')
    .option('--key <file>', 'private key as PEM: tells whether chain and key are a whole, own SVID')
    .option('--jwt <file>', 'a JWT-SVID; - for stdin')
    .action(async (options: InspectOptions) => {
      outcome.code = await inspectSvid(terminal, options)
    })
  withExamples(command, [
    ['chaveiro svid inspect --x509 svid.pem --key key.pem', 'Do these two belong together?'],
    ['pbpaste | chaveiro svid inspect --jwt -', 'What is in this token?'],
  ])
}

function addValidate(svid: Command, terminal: Terminal, outcome: Outcome): void {
  const command = withOutput(
    svid.command('validate').description('judge an SVID like a peer would; exit 1 when it is invalid'),
  )
    .option('--x509 <file>', 'chain as PEM, leaf first; - for stdin')
    .option('--jwt <file>', 'a JWT-SVID; - for stdin; needs --audience')
    .option('--audience <name>', 'an audience that the validator answers to; repeat for several', collect)
    .option('--bundle <trust-domain=file>', 'SPIFFE bundle, JWK set or CA certificates; repeat for several', collect)
    .option('--at <time>', 'judge as of this time: Unix seconds or ISO 8601 (default: now)')
    .action(async (options: ValidateOptions) => {
      outcome.code = await validateSvid(terminal, options)
    })
  withExamples(command, [
    ['chaveiro svid validate --x509 svid.pem --bundle neural-hive.local=bundle.pem', 'Would a peer accept this?'],
    [
      'chaveiro svid validate --jwt - --audience vault.neural-hive.local --bundle neural-hive.local=keys.json < token',
      'Would Vault?',
    ],
  ])
}
