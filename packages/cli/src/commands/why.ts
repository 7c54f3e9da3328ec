/**
 * `chaveiro why`: may a workload do that, and by which entry, role and policy line?
 * @module
 */
import { type ChainLink, type Explanation, explainAccess, SpireSvidMint } from '@chaveiro/operations'
import { type Command, Option } from 'commander'
import { exitCode } from '../exit-code.js'
import { readManifestFile, withManifest } from '../manifest-file.js'
import type { Outcome } from '../outcome.js'
import { type OutputFormat, print, withExamples, withOutput } from '../output.js'
import { openSpire, openVault, spireSocket } from '../servers.js'
import { type Paint, paintFor, type Style, type Terminal } from '../terminal.js'

interface WhyOptions {
  readonly file?: string
  readonly capability: string
  readonly output: OutputFormat
}

const capabilities = ['read', 'list', 'create', 'update', 'patch', 'delete', 'sudo']

export function addWhyCommand(program: Command, terminal: Terminal, outcome: Outcome): void {
  const why = withOutput(withManifest(program.command('why').description('may a workload do that, and by which line?')))
    .argument('<workload>', 'its name in the manifest, or its SPIFFE ID')
    .argument('<path>', 'a secret (secret/orchestrator/kafka) or any path of the API (database/creds/ROLE)')
    .addOption(new Option('--capability <name>', 'what is to be done there').choices(capabilities).default('read'))
    .action(async (workload: string, path: string, { file, capability, output }: WhyOptions) => {
      const located = await readManifestFile(terminal, file)
      const vault = await openVault(terminal.env, located.manifest)
      const spire = openSpire(terminal.env)
      const mint = new SpireSvidMint({ socket: spireSocket(terminal.env) })
      try {
        const question = { located, vault, spire, mint, workload, path, capability, signal: terminal.stop }
        const explanation = await explainAccess(question)
        print(terminal, output, explanation, (data) => explanationLines(data, paintFor(terminal)))
        outcome.code = explanation.allowed ? exitCode.ok : exitCode.failed
      } finally {
        await Promise.all([vault.close(), spire.close(), mint.close()])
      }
    })
  withExamples(why, [
    ['chaveiro why orchestrator-dynamic secret/orchestrator/kafka', 'May it read that secret?'],
    ['chaveiro why worker-agents database/creds/temporal-orchestrator', 'Why is that refused?'],
  ])
}

const signs: Readonly<Record<ChainLink['status'], readonly [string, Style]>> = {
  holds: ['✓', 'green'],
  broken: ['✗', 'red'],
  unknown: ['?', 'yellow'],
}

function explanationLines({ workload, path, capability, allowed, chain }: Explanation, paint: Paint): string[] {
  const lines = chain.flatMap(({ link, status, found, where, cure }) => {
    const [sign, style] = signs[status]
    const at = where === null ? '' : `   ${paint('dim', where)}`
    const next = status === 'broken' || status === 'unknown' ? [`      next: ${cure}`] : []
    return [`  ${paint(style, sign)} ${link.padEnd(10)} ${found}${at}`, ...next]
  })
  const doubt = chain.some(({ status }) => status === 'unknown') ? ', as far as could be seen' : ''
  const verdict = allowed ? `may ${capability} ${path}${doubt}` : `may not ${capability} ${path}`
  return [...lines, paint('bold', `${workload} ${verdict}`)]
}
