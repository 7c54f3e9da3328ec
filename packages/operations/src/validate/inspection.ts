/**
 * One look at a platform: its servers, and what several checks read in common, read once.
 * @module
 */
import { type Clock, systemClock } from '@chaveiro/rotation'
import type { VaultClient } from '@chaveiro/vault'
import type { Variables } from '../derive/variables.js'
import type { LocatedManifest } from '../manifest/read.js'
import type { Manifest } from '../manifest/schema.js'
import type { PlanGroup } from '../plan/desired-object.js'
import { makePlan } from '../plan/make-plan.js'
import type { PlannedChange } from '../plan/planned-change.js'
import type { SpireServerClient } from '../spire/server-client.js'
import { readDocument } from '../vault/read-document.js'
import type { SvidMint } from './svid-mint.js'

/** A service that runs: where its admin endpoints are. */
export interface ServiceAddress {
  readonly name: string
  /** `http://127.0.0.1:9464`. */
  readonly admin: string
}

/** What is to be validated. Whoever opened the clients closes them. */
export interface Platform {
  readonly located: LocatedManifest
  readonly vault: VaultClient
  /** Whether the client bears a token; without one, what needs a token cannot be told. */
  readonly hasToken: boolean
  readonly spire: SpireServerClient
  readonly mint: SvidMint
  /** Whether somebody said where SPIRE server is; otherwise its absence here says nothing. */
  readonly spireNamed: boolean
  readonly services: readonly ServiceAddress[]
  readonly env: Variables
  readonly clock?: Clock
}

export class Inspection {
  readonly platform: Platform
  readonly #plans = new Map<PlanGroup, Promise<readonly PlannedChange[]>>()

  constructor(platform: Platform) {
    this.platform = platform
  }

  get manifest(): Manifest {
    return this.platform.located.manifest
  }

  get clock(): Clock {
    return this.platform.clock ?? systemClock
  }

  /**
   * What a plan of that group would do: empty where the servers are as the manifest says.
   * @throws {PlanError} and errors of the servers
   */
  changes(group: PlanGroup): Promise<readonly PlannedChange[]> {
    const plan = this.#plans.get(group) ?? this.#plan(group)
    this.#plans.set(group, plan)
    return plan
  }

  async #plan(group: PlanGroup): Promise<readonly PlannedChange[]> {
    const { located, vault, spire } = this.platform
    const env = group === 'policies' ? await this.#withKeySource() : this.platform.env
    return (await makePlan({ located, vault, spire, groups: [group], env })).plan.changes
  }

  /** Where nobody says from where Vault should fetch keys, what it was told is taken as meant. */
  async #withKeySource(): Promise<Variables> {
    const { vault, env } = this.platform
    if (env.CHAVEIRO_JWKS_URL || this.manifest.vault.jwksUrl) return env
    const path = `auth/${this.manifest.vault.mounts.jwt}/config`
    const { jwks_url: url } = (await readDocument(vault, path, 'auth_configure')) ?? {}
    return { ...env, CHAVEIRO_JWKS_URL: typeof url === 'string' ? url : undefined }
  }
}
