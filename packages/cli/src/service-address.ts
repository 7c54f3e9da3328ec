/**
 * Services that run, as an operator names them: `NAME=URL` of the admin endpoint, or `CHAVEIRO_SERVICES`.
 * @module
 */
import type { ServiceAddress } from '@chaveiro/operations'
import { InvalidArgumentError, Option } from 'commander'
import { UsageError } from './exit-code.js'
import type { Terminal } from './terminal.js'

/** `--service NAME=URL`, to be given as often as there are services. */
export function serviceOption(): Option {
  return new Option('--service <name=url>', 'a service that runs, and its admin address; repeat it for several')
    .argParser(addService)
    .default([], 'CHAVEIRO_SERVICES: NAME=URL,NAME=URL')
}

/** Those given, else those of `CHAVEIRO_SERVICES`. @throws {UsageError} when the variable cannot be read */
export function servicesFrom({ env }: Terminal, given: readonly ServiceAddress[]): readonly ServiceAddress[] {
  if (given.length > 0) return given
  const parts = (env.CHAVEIRO_SERVICES ?? '').split(',').filter(Boolean)
  return parts.map((part) => {
    const service = parse(part)
    if (service) return service
    throw new UsageError(`CHAVEIRO_SERVICES: "${part}" is not NAME=URL`, `Write it as ${example}, separated by commas.`)
  })
}

const example = 'orchestrator=http://127.0.0.1:9464'

function addService(text: string, earlier: readonly ServiceAddress[]): ServiceAddress[] {
  const service = parse(text)
  if (service) return [...earlier, service]
  throw new InvalidArgumentError(`"${text}" is not NAME=URL, such as ${example}.`)
}

function parse(text: string): ServiceAddress | undefined {
  const [, name, admin] = /^([^=]+)=(https?:\/\/[^/\s]+)\/?$/.exec(text.trim()) ?? []
  return name && admin ? { name, admin } : undefined
}
