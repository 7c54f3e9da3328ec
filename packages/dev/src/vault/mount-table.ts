/**
 * What is mounted where, secrets engines and auth methods alike.
 * @module
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Backend } from './exchange.js'
import { badRequest, listed } from './refusal.js'
import type { MountTtls } from './ttl.js'
import { systemTtls } from './ttl.js'

export interface Mount {
  /** Ends in `/`; an auth method's begins with `auth/`. */
  readonly path: string
  readonly backend: Backend
  readonly description: string
  readonly options: Readonly<Record<string, string>> | null
  readonly accessor: string
  readonly uuid: string
  /** Seconds; 0: those of the system. */
  defaultSeconds: number
  maxSeconds: number
}

export interface NewMount {
  readonly path: string
  readonly description?: string
  readonly options?: Readonly<Record<string, string>> | null
  readonly backend: Backend
}

export class MountTable {
  readonly #mounts = new Map<string, Mount>()

  /** @throws {Refusal} 400 when the path is in use */
  refuseTaken(path: string): void {
    const taken = [...this.#mounts.keys()].find((known) => known.startsWith(path) || path.startsWith(known))
    if (taken) throw badRequest(`path is already in use at ${taken.replace(/^auth\//, '')}`)
  }

  add({ path, description = '', options = null, backend }: NewMount): void {
    const kind = path.startsWith('auth/') ? `auth_${backend.type}` : backend.type
    const accessor = `${kind}_${randomBytes(4).toString('hex')}`
    const uuid = randomUUID()
    this.#mounts.set(path, { path, backend, description, options, accessor, uuid, defaultSeconds: 0, maxSeconds: 0 })
  }

  delete(path: string): void {
    this.#mounts.delete(path)
  }

  get(path: string): Mount | undefined {
    return this.#mounts.get(path)
  }

  /** The mount that answers for a request. */
  route(fullPath: string): Mount | undefined {
    return [...this.#mounts.values()].find(({ path }) => fullPath.startsWith(path))
  }

  get all(): readonly Mount[] {
    return [...this.#mounts.values()]
  }

  ttls(path: string): MountTtls {
    const mount = this.#mounts.get(path)
    if (!mount) throw listed(500, `no mount at ${path}`)
    return {
      defaultSeconds: mount.defaultSeconds || systemTtls.defaultSeconds,
      maxSeconds: mount.maxSeconds || systemTtls.maxSeconds,
    }
  }
}
