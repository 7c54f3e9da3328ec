/**
 * `chaveiro emergency unseal`: gives key shares to Vault servers, once.
 * @module
 */
import { type NodeSeal, readSeals, type UnsealOutcome, unseal } from '@chaveiro/operations'
import { VaultClient } from '@chaveiro/vault'
import { type Command, InvalidArgumentError } from 'commander'
import { exitCode, UsageError } from '../exit-code.js'
import type { Outcome } from '../outcome.js'
import { type OutputFormat, print, withExamples, withOutput } from '../output.js'
import { vaultConnection, vaultVariable } from '../servers.js'
import { paintFor, type Terminal } from '../terminal.js'
import { audited } from './audited.js'
import { openKeyShares } from './key-shares.js'

interface UnsealCommandOptions {
  readonly sharesFd?: number
  readonly reset?: boolean
  readonly dryRun?: boolean
  readonly output: OutputFormat
}

export function addUnsealCommand(emergency: Command, terminal: Terminal, outcome: Outcome): void {
  const command = withOutput(
    emergency.command('unseal').description('unseal Vault with key shares: one order, one unseal'),
  )
    .argument('[address...]', 'each node that is sealed (default: VAULT_ADDR)')
    .option('--shares-fd <number>', 'read the shares, one a line, from this file descriptor', parseDescriptor)
    .option('--reset', 'have the nodes forget the shares that were given before')
    .option('--dry-run', 'show each seal, and give nothing')
    .action(async (addresses: string[], options: UnsealCommandOptions) => {
      const targets = addresses.length > 0 ? addresses : [defaultAddress(terminal)]
      const connection = await vaultConnection(terminal.env)
      const nodes = targets.map((address) => new VaultClient({ address, ...connection }))
      try {
        outcome.code = options.dryRun
          ? await showSeals(terminal, nodes, options)
          : await unsealAll(terminal, nodes, options)
      } finally {
        await Promise.all(nodes.map((node) => node.close()))
      }
    })
  withExamples(command, [
    ['chaveiro emergency unseal --dry-run', 'What kind of seal is it, and how far is it open?'],
    ['chaveiro emergency unseal https://vault-0:8200 https://vault-1:8200', 'Type each share once, for all nodes:'],
    ['chaveiro emergency unseal --shares-fd 3 3< shares', 'Shares from a file descriptor:'],
  ])
}

function defaultAddress({ env }: Terminal): string {
  const address = vaultVariable(env, 'ADDR')
  if (address) return address
  throw new UsageError('no address of Vault', 'Name the nodes, or set VAULT_ADDR.')
}

function parseDescriptor(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) !== 1 && Number(text) !== 2) return Number(text)
  throw new InvalidArgumentError(
    'Name an open file descriptor: 0 for stdin, or 3 with 3< FILE. Never the share itself.',
  )
}

async function showSeals(terminal: Terminal, nodes: VaultClient[], { output }: UnsealCommandOptions): Promise<number> {
  const targets = nodes.map(({ address }) => address)
  const { seals } = await audited(terminal, { command: 'emergency unseal', targets, dryRun: true }, async () => {
    const seals = await readSeals(nodes, terminal.stop)
    return { seals, done: true, details: seals.map(({ address, state }) => `${address}: ${state}`) }
  })
  print(terminal, output, seals, (data) => data.flatMap(sealLines))
  return seals.some(({ state }) => state === 'unreachable') ? exitCode.unreachable : exitCode.ok
}

function sealLines({ address, state, type, threshold, shares, explanation, cure }: NodeSeal): string[] {
  const needs = state === 'sealed' ? `, needs ${threshold} of ${shares} shares` : ''
  return [`${address}: ${state} (${type}${needs}): ${explanation}`, ...(cure === '' ? [] : [`  next: ${cure}`])]
}

async function unsealAll(terminal: Terminal, nodes: VaultClient[], options: UnsealCommandOptions): Promise<number> {
  const targets = nodes.map(({ address }) => address)
  const paint = paintFor(terminal)
  const { outcomes } = await audited(terminal, { command: 'emergency unseal', targets, dryRun: false }, async () => {
    const outcomes = await unsealWith(terminal, nodes, options)
    const details = outcomes.map(({ address, outcome, explanation }) => `${address}: ${outcome}: ${explanation}`)
    return { outcomes, done: outcomes.every(isOpen), details }
  })
  print(terminal, options.output, outcomes, (data) =>
    data.flatMap((each) => [
      `${paint(isOpen(each) ? 'green' : 'red', each.outcome)} ${each.address}: ${each.explanation}`,
      ...(each.cure === '' ? [] : [`  next: ${each.cure}`]),
    ]),
  )
  if (outcomes.every(isOpen)) return exitCode.ok
  return outcomes.some(({ outcome }) => outcome === 'unreachable') ? exitCode.unreachable : exitCode.failed
}

const isOpen = ({ outcome }: UnsealOutcome): boolean => outcome === 'done' || outcome === 'already'

/** Shares are asked for only when a node needs them: an unsealed one, or an auto-unseal, takes none. */
async function unsealWith(
  terminal: Terminal,
  nodes: readonly VaultClient[],
  { sharesFd, reset = false }: UnsealCommandOptions,
): Promise<UnsealOutcome[]> {
  let shares: ReturnType<typeof openKeyShares> | undefined
  try {
    return await unseal({
      nodes,
      reset,
      signal: terminal.stop,
      nextShare: (request) => {
        shares ??= openKeyShares(terminal, sharesFd)
        return shares.next(request)
      },
      onNote: (note) => void terminal.stderr.write(`${note}\n`),
    })
  } finally {
    shares?.close()
  }
}
