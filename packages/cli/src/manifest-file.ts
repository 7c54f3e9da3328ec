/**
 * The manifest that a command works on: `-f`, else `CHAVEIRO_MANIFEST`, else `chaveiro.yaml` in the working folder.
 * @module
 */
import { type LocatedManifest, locateManifest } from '@chaveiro/operations'
import type { Command } from 'commander'
import { readInput } from './input.js'
import type { Terminal } from './terminal.js'

/** Adds `-f, --file`. */
export function withManifest(command: Command): Command {
  return command.option(
    '-f, --file <path>',
    'the manifest; - for stdin (default: CHAVEIRO_MANIFEST, else chaveiro.yaml)',
  )
}

/** @throws {UsageError} when it cannot be read; {ManifestError} when it cannot be used */
export async function readManifestFile(terminal: Terminal, file: string | undefined): Promise<LocatedManifest> {
  const path = file ?? (terminal.env.CHAVEIRO_MANIFEST || 'chaveiro.yaml')
  return locateManifest((await readInput(terminal, path)).toString('utf8'), path)
}
