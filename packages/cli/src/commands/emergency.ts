/**
 * `chaveiro emergency`: what an operator does half asleep. Each verb can be rehearsed with `--dry-run`, and leaves a
 * record of who did what.
 * @module
 */
import type { Command } from 'commander'
import { addRotationCommand } from '../emergency/rotation.js'
import { addUnsealCommand } from '../emergency/unseal.js'
import type { Outcome } from '../outcome.js'
import type { Terminal } from '../terminal.js'

export function addEmergencyCommand(program: Command, terminal: Terminal, outcome: Outcome): void {
  const emergency = program
    .command('emergency')
    .description('what to do at 3 a.m.; each verb has --dry-run and is recorded in CHAVEIRO_AUDIT_FILE')
  addUnsealCommand(emergency, terminal, outcome)
  addRotationCommand(emergency, terminal, outcome)
}
