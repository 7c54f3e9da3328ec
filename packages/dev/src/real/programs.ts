/**
 * Where the programs of the real servers are. They are obtained in a checkout by `npm run servers` and kept in a
 * cache; how that cache is laid out is known in one place, beside what fills it (`tools/servers/states.js`).
 * @module
 */
import { existsSync } from 'node:fs'
import { DevError } from '../errors.js'

/** Servers that the checkout knows how to obtain. */
export type RealServerName = 'vault' | 'spire' | 'prometheus' | 'alertmanager'

/** One server that is there, or why it is not. */
export type RealServerState =
  | {
      readonly available: true
      readonly title: string
      readonly version: string
      /** Program name to absolute path. */
      readonly programs: Readonly<Record<string, string>>
    }
  | {
      readonly available: false
      readonly title: string
      readonly version: string
      readonly reason: string
      readonly cure: string
    }

interface ServerStates {
  serverStates(env?: NodeJS.ProcessEnv): Record<RealServerName, RealServerState>
}

/** From `src/real` and from `dist/real` alike; a published package has no such file. */
const statesModule = new URL('../../../../tools/servers/states.js', import.meta.url)

/** What is there and what is not, by server. Nothing is run or built to find out. */
export async function realServerStates(
  env: NodeJS.ProcessEnv = process.env,
): Promise<Record<RealServerName, RealServerState>> {
  if (!existsSync(statesModule)) {
    return {
      vault: outsideCheckout('HashiCorp Vault'),
      spire: outsideCheckout('SPIRE'),
      prometheus: outsideCheckout('Prometheus'),
      alertmanager: outsideCheckout('Alertmanager'),
    }
  }
  const { serverStates } = (await import(statesModule.href)) as ServerStates
  return serverStates(env)
}

/**
 * The programs of one server.
 * @throws {DevError} `ERR_DEV_SERVER_MISSING` when it has not been obtained, or cannot be had here
 */
export async function realServerPrograms(name: RealServerName): Promise<Readonly<Record<string, string>>> {
  const state = (await realServerStates())[name]
  if (state.available) return state.programs
  throw new DevError('ERR_DEV_SERVER_MISSING', `${state.title} ${state.version} is not here: ${state.reason}`, {
    cure: state.cure,
  })
}

function outsideCheckout(title: string): RealServerState {
  return {
    available: false,
    title,
    version: 'any',
    reason: 'real servers are obtained in a checkout of Chaveiro, and this is an installed package',
    cure: 'clone the repository and run `npm run servers`, or use the embedded stack',
  }
}
