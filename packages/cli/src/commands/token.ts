/**
 * `chaveiro token`: the operator's own Vault token, by hand.
 * @module
 */
import type { VaultClient } from '@chaveiro/vault'
import type { Command } from 'commander'
import { askYesNo, canAsk } from '../ask.js'
import { exitCode, UsageError } from '../exit-code.js'
import { parseSpanMs } from '../input.js'
import type { Outcome } from '../outcome.js'
import { type OutputFormat, print, withExamples, withOutput } from '../output.js'
import { openVault } from '../servers.js'
import type { Terminal } from '../terminal.js'

interface TokenOptions {
  readonly output: OutputFormat
  readonly increment?: number
  readonly yes?: boolean
}

export function addTokenCommand(program: Command, terminal: Terminal, outcome: Outcome): void {
  const token = program.command('token').description('the Vault token at hand (VAULT_TOKEN): show, renew, revoke')
  withOutput(token.command('show').description('what it may and how long it lives; the same as: vault token lookup'))
    // The token itself is never printed.
    .action(({ output }: TokenOptions) => withVault(terminal, (vault) => showToken(terminal, vault, output)))
  withOutput(token.command('renew').description('renew it now; the same as: vault token renew'))
    .option('--increment <duration>', 'how long it should live from now; Vault may grant less: 1h', parseSpanMs)
    .action((options: TokenOptions) => withVault(terminal, (vault) => renewToken(terminal, vault, options)))
  token
    .command('revoke')
    .description('end it, and every lease made with it; the same as: vault token revoke -self')
    .option('-y, --yes', 'do it without asking')
    .action(({ yes }: TokenOptions) =>
      withVault(terminal, async (vault) => {
        if (await agreed(terminal, yes)) await vault.token.revokeSelf({ signal: terminal.stop })
        else outcome.code = exitCode.failed
      }),
    )
  withExamples(token, [
    ['chaveiro token show', 'How long does it live?'],
    ['chaveiro token renew --increment 1h', 'Another hour:'],
  ])
}

async function withVault(terminal: Terminal, use: (vault: VaultClient) => Promise<void>): Promise<void> {
  await using vault = await openVault(terminal.env)
  await use(vault)
}

async function showToken(terminal: Terminal, vault: VaultClient, output: OutputFormat): Promise<void> {
  const info = await vault.token.lookupSelf({ signal: terminal.stop })
  const data = {
    display_name: info.displayName,
    accessor: info.accessor ?? null,
    type: info.type,
    policies: info.policies,
    ttl_seconds: info.ttlSeconds,
    renewable: info.renewable,
    orphan: info.orphan,
  }
  print(terminal, output, data, (shown) => Object.entries(shown).map(([name, value]) => `${name.padEnd(13)} ${value}`))
}

async function renewToken(terminal: Terminal, vault: VaultClient, { output, increment }: TokenOptions): Promise<void> {
  const asked = increment === undefined ? {} : { incrementSeconds: increment / 1000 }
  const { ttlSeconds, renewable } = await vault.token.renewSelf({ ...asked, signal: terminal.stop })
  print(terminal, output, { ttl_seconds: ttlSeconds, renewable }, () => [
    ttlSeconds === 0 ? 'it never ends' : `it lives for ${ttlSeconds} s from now`,
  ])
}

/** @throws {UsageError} when nobody can be asked and nobody has said yes */
async function agreed(terminal: Terminal, yes = false): Promise<boolean> {
  if (yes) return true
  if (canAsk(terminal)) return askYesNo(terminal, 'End this token, and every lease made with it?')
  throw new UsageError('nobody can be asked here', 'Add --yes to end the token, and every lease made with it.')
}
